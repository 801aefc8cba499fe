"""The audit log: who did what, when, from which commit and data; append-only, chained by hashes, one log a team."""

from ml.audit.chain import ACTIONS, Line, Place
from ml.audit.log import Act, AuditError, AuditLog, append, recording

__all__ = ["ACTIONS", "Act", "AuditError", "AuditLog", "Line", "Place", "append", "recording"]
