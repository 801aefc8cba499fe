"""A laptop-sized implementation of AWS and Kubernetes, on which the genuine engine runs the genuine program."""
