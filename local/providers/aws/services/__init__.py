"""The resource table, a file a service or topic."""
