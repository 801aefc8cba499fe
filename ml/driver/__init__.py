"""What runs inside a job: the driver, and the modules that go with it (`ml/packaging/helpers.py`)."""
