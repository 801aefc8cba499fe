"""The model registry: aliases, the packages that mirror its versions in SageMaker, and what a promotion is made of."""
