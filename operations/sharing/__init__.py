"""A stack's state as a stranger may have it: exported without secrets, previewed against without an account."""
