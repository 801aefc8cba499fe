"""ML lifecycle: job specs, submission, serving. Knows the infrastructure through the platform contract alone."""
