"""The quotas that EC2 counts machines by: vCPUs a class of families and a way of buying, as AWS publishes them.

Names, codes and defaults: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class VcpuQuota:
    """A quota of the service `ec2`, in vCPUs. default: what a new account has."""

    code: str
    name: str
    default: int


_STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"
ON_DEMAND = {
    "DL": VcpuQuota("L-6E869C2A", "Running On-Demand DL instances", 0),
    "F": VcpuQuota("L-74FC7D96", "Running On-Demand F instances", 0),
    "G and VT": VcpuQuota("L-DB2E81BA", "Running On-Demand G and VT instances", 0),
    "Inf": VcpuQuota("L-1945791B", "Running On-Demand Inf instances", 0),
    "P": VcpuQuota("L-417A185B", "Running On-Demand P instances", 0),
    "Standard": VcpuQuota("L-1216C47A", f"Running On-Demand {_STANDARD} instances", 5),
    "Trn": VcpuQuota("L-2C3B7624", "Running On-Demand Trn instances", 0),
    "X": VcpuQuota("L-7295265B", "Running On-Demand X instances", 0),
}
SPOT = {
    "DL": VcpuQuota("L-85EED4F7", "All DL Spot Instance Requests", 0),
    "F": VcpuQuota("L-88CF9481", "All F Spot Instance Requests", 0),
    "G and VT": VcpuQuota("L-3819A6DF", "All G and VT Spot Instance Requests", 0),
    "Inf": VcpuQuota("L-B5D1601B", "All Inf Spot Instance Requests", 0),
    "P4, P3 and P2": VcpuQuota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 0),
    "P5": VcpuQuota("L-C4BD4855", "All P5 Spot Instance Requests", 0),
    "Standard": VcpuQuota("L-34B43A08", f"All {_STANDARD} Spot Instance Requests", 5),
    "Trn": VcpuQuota("L-6B0D517C", "All Trn Spot Instance Requests", 0),
    "X": VcpuQuota("L-E3A00192", "All X Spot Instance Requests", 0),
}
_CLASSES = {"dl": "DL", "f": "F", "g": "G and VT", "gr": "G and VT", "vt": "G and VT", "inf": "Inf", "p": "P"} | {
    "trn": "Trn",
    "x": "X",
    **dict.fromkeys(("a", "c", "d", "h", "i", "m", "r", "t", "z"), "Standard"),
}
"""The letters that a family's name begins with, to its class (https://docs.aws.amazon.com/ec2/latest/instancetypes/)."""
_P_SPOT = {"2": "P4, P3 and P2", "3": "P4, P3 and P2", "4": "P4, P3 and P2", "5": "P5"}


def vcpu_quota(family: str, *, spot: bool) -> VcpuQuota | None:
    """The quota that machines of a family count against; None where AWS's page names none."""
    matched = re.match(r"([a-z]+)(\d)", family)
    if matched is None or (name := _CLASSES.get(matched[1])) is None:
        return None
    if not spot:
        return ON_DEMAND[name]
    if name == "P":
        name = _P_SPOT.get(matched[2], "")
    return SPOT.get(name)
