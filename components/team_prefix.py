"""Where a team's files lie in a bucket."""

SHARED_PREFIX = "shared"
"""Data that every team reads and none writes."""


def team_prefix(team: str) -> str:
    """Key prefix, without slashes at its ends, that belongs to one team alone, in every bucket of the platform."""
    return f"teams/{team}"
