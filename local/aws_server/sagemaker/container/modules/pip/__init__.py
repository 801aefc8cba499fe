"""Stands in for pip in an environment that was made without it, as uv makes them. See `__main__`."""
