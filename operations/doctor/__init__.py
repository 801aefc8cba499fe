"""Looks at everything that `up` of an environment needs, before anything is made."""
