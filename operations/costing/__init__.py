"""What an environment costs a month: estimated from its program or its state, with prices that can be refreshed."""
