"""What an environment's state needs before the first `up`: a bucket, a key for the stack's secrets, and the stack."""
