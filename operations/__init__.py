"""The `groundwork` command: what an operator does with an environment."""
