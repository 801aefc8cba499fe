"""The `aws` provider plugin: a table of resource types, each mapped to the AWS API's own operations."""
