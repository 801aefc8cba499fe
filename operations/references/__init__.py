"""Settings that stand elsewhere, as commands look them up: with an environment's profile, backend and engine."""
