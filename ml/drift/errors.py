"""What goes wrong with a profile or a comparison."""

from ml.errors import MlError


class DriftError(MlError):
    """A table, a profile or a setting that drift cannot be measured with; the text says what to do about it."""
