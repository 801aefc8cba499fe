"""AWS Lambda: functions whose Python code truly runs, in a process of this machine with the role's credentials."""

from local.aws_server.functions import invoke as invoke
from local.aws_server.functions import operations as operations
