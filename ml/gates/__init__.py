"""The gates of a promotion: what a version is measured by, in a processing job of the platform.

It runs inside the platform's serving image, whose code no author of a model chooses: `python -m ml.gates`.
"""
