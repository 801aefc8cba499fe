"""What an AWS account has once, as a Pulumi project of its own: environments come and go without it."""
