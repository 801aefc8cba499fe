"""Pulumi's Python language host, for an engine that was built from source and therefore has none of its own.

The modules of this package import one another by plain name (``import packages``), never as ``local.…``: they are
copied beside the engine's binary, into a cache that several checkouts share, and run there by whichever Python the
project has. ``install`` alone is imported from this checkout.
"""
