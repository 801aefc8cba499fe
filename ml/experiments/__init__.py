"""Runs of the past: finding, comparing and repeating them, and TensorBoard on their logs."""
