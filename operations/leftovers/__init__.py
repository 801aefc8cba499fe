"""What an environment has left behind in an account: found by tag, by name and by place, priced, and removed."""

from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.ownership import Scope
from operations.leftovers.scan import scan

__all__ = ["Fate", "Finding", "Report", "Scope", "scan"]
