"""Version upgrades of an environment: from what runs now to what its settings want, in an order that holds."""
