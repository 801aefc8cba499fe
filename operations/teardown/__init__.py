"""Taking an environment down, in the order in which nothing is left behind."""
