"""The sections of an environment's settings, one typed model each."""
