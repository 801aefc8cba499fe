"""One daemon a checkout that starts the local stack's services, watches their health and stops them cleanly."""
