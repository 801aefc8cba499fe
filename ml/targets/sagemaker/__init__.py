"""SageMaker as a target: the calls are the same wherever the environment is."""
