"""Container images: which one a job or an endpoint runs in, building them, and which are there."""

from ml.images.uris import framework_image, platform_image, training_image

__all__ = ["framework_image", "platform_image", "training_image"]
