"""How the settings become components: one module a part of the platform."""
