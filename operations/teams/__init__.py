"""Teams of an environment, one at a time: its settings, what of the platform is its own, and the bound of an update."""
