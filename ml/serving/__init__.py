"""The inference server: one MLflow model behind SageMaker's container contract (GET /ping, POST /invocations)."""
