"""The ledger: every creation is written down before it is asked of the cloud, with who asks, for whom and how long."""

from ml.ledger.entries import KINDS, Closing, Entry, EntryKey
from ml.ledger.ledger import Creation, Ledger, LedgerError, creating

__all__ = ["KINDS", "Closing", "Creation", "Entry", "EntryKey", "Ledger", "LedgerError", "creating"]
