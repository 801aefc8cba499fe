"""Monitoring: what is measured, shown and alerted on."""
