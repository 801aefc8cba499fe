"""The spend guard: stops a team's managed jobs before they pass the team's monthly budget or their own limit.

It runs in the account, as a Lambda function that EventBridge Scheduler starts every few minutes (components/
spend_guard.py), so that neither a job nor the laptop that sent it has to be asked. It imports boto3, `prices` and the
standard library, and nothing else of this project.
"""
