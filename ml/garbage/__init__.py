"""What is in the cloud under a team's name and is nobody's, or has expired: found by comparing it with the ledger."""
