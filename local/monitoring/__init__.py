"""A genuine Prometheus for the local stack, with what it scrapes and the stack's own rules."""
