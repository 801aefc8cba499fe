"""Job specs: the YAML file that says what to train, on what, from which data, and what becomes of the model."""

from ml.spec.load import load_spec
from ml.spec.model import Channel, Deployment, Framework, Instance, JobSpec, Spot

__all__ = ["Channel", "Deployment", "Framework", "Instance", "JobSpec", "Spot", "load_spec"]
