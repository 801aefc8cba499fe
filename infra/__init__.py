"""The program: turns one environment's settings into a platform and publishes its contract."""
