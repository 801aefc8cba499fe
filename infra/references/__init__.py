"""Settings whose values stand elsewhere: in a CloudFormation export, a Terraform state file or another stack."""
