"""What things cost on AWS, and what a list of resources costs a month.

Shared by the program, the commands and `ml`; it imports nothing but the standard library.
"""

from prices.catalogue import HOURS_A_MONTH, Catalogue, Price, UnknownPriceError, gpu_hour_prices
from prices.estimate import Estimate, Line, Unpriced, estimate
from prices.jobs import LEAST_RUNTIME_S, STOP_GRACE_S, JobPrice, Machines, dollars, job_price
from prices.node_groups import Resource
from prices.usage import IDLE, Usage

__all__ = [
    "HOURS_A_MONTH",
    "IDLE",
    "LEAST_RUNTIME_S",
    "STOP_GRACE_S",
    "Catalogue",
    "Estimate",
    "JobPrice",
    "Line",
    "Machines",
    "Price",
    "Resource",
    "UnknownPriceError",
    "Unpriced",
    "Usage",
    "dollars",
    "estimate",
    "gpu_hour_prices",
    "job_price",
]
