"""What the stand-in refuses."""


class EngineError(Exception):
    """A mistake in a Dockerfile or a command, or something that the stand-in does not do; the text says which."""
