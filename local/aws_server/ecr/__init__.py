"""ECR as far as moto does not have it: layers whose bytes are kept, digests that are those of the content, findings."""

from local.aws_server.ecr import images, layers, scans

__all__ = ["images", "layers", "scans"]
