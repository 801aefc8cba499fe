"""What travels with a job: its source code and its local inputs, addressed by their content."""
