"""Who may do what: the caller's session, and a stated table of operations that IAM policies really hold or refuse.

`table.py` says which operations, with which resource and condition keys. The rest of the API takes every key that was
issued here, as the local stack's profile has them all.
"""

from local.aws_server.access import across as across
from local.aws_server.access import objects as objects
from local.aws_server.access import sessions as sessions
from local.aws_server.access import table as table
