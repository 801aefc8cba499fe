"""Writes `instances.json` again, from what moto recorded of EC2: `python -m components.data.make_instances`.

Run it after an upgrade of moto; the unit tests compare the file with the moto that is installed.
"""

import gzip
import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "instances.json"
AUTO_MODE_SOURCE = (
    "https://docs.aws.amazon.com/eks/latest/userguide/automode-learn-instances.html#auto-supported-instances"
)
AUTO_MODE_CPU = (
    *("c8id", "c8i", "c8i-flex", "c8gd", "c8gn", "c8g", "c8a", "c8gb", "c7a", "c7g", "c7gn", "c7gd", "c7i"),
    *("c7i-flex", "c6a", "c6g", "c6i", "c6gn", "c6id", "c6in", "c6gd", "c5", "c5a", "c5d", "c5ad", "c5n"),
    *("m8id", "m8i", "m8i-flex", "m8a", "m8azn", "m8gn", "m8gb", "m8gd", "m8g", "m7i", "m7a", "m7g", "m7gd"),
    *("m7i-flex", "m6a", "m6i", "m6in", "m6g", "m6idn", "m6id", "m6gd", "m5", "m5a", "m5ad", "m5n", "m5dn", "m5d"),
    *("m5zn", "r8id", "r8i", "r8i-flex", "r8gn", "r8gb", "r8gd", "r8g", "r8a", "r7a", "r7iz", "r7gd", "r7i", "r7g"),
    *("r6a", "r6i", "r6id", "r6in", "r6idn", "r6g", "r6gd", "r5", "r5n", "r5a", "r5dn", "r5b", "r5ad", "r5d"),
)
"""C, M and R families of the fifth generation and later, of that page."""
AUTO_MODE_ACCELERATED = (
    *("p6-b200", "p6-b300", "p5", "p5e", "p5en", "p4d", "p4de", "p3dn", "g7e", "g6", "gr6", "g6e", "g5g", "g5", "g4dn"),
    *("inf2", "inf1", "trn1", "trn1n", "trn2"),
)
"""Accelerated families of that page, AMD's g4ad left out."""
TOO_SMALL = ("nano", "micro", "small")
"""Sizes that Auto Mode does not start (that page)."""


def recorded() -> dict[str, Any]:
    """What moto recorded of `ec2:DescribeInstanceTypes`, by instance type."""
    return json.loads(gzip.decompress(files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()))


def facts(described: dict[str, Any]) -> dict[str, Any] | None:
    """What the platform needs to know of one type; None for a type that no pool may have."""
    family, _, size = described["InstanceType"].partition(".")
    if described.get("BareMetal") or size in TOO_SMALL:
        return None
    gpus = [gpu for gpu in described.get("GpuInfo", {}).get("Gpus", []) if gpu["Manufacturer"] == "NVIDIA"]
    neurons = described.get("NeuronInfo", {}).get("NeuronDevices", [])
    devices = [device for device in (*gpus, *neurons) if device["Count"]]
    if not devices and family not in AUTO_MODE_CPU:
        return None
    known: dict[str, Any] = {
        "vcpus": described["VCpuInfo"]["DefaultVCpus"],
        "memoryMib": described["MemoryInfo"]["SizeInMiB"],
        "arch": {"x86_64": "amd64", "arm64": "arm64"}[described["ProcessorInfo"]["SupportedArchitectures"][0]],
    }
    if devices:
        known["accelerator"] = "nvidia" if gpus else "neuron"
        known["model"] = devices[0]["Name"]
        known["count"] = sum(device["Count"] for device in devices)
        known["deviceMemoryMib"] = devices[0]["MemoryInfo"]["SizeInMiB"]
        known["usage"] = sorted(described["SupportedUsageClasses"])
        cards = described["NetworkInfo"].get("NetworkCards", [])
        efa = [card["NetworkCardIndex"] for card in cards if "efa" in card.get("InterfaceTypes", [])]
        if efa:
            known["efaCards"] = efa
    return known


def document() -> str:
    """The whole file, one type a line."""
    types = {name: known for name, described in sorted(recorded().items()) if (known := facts(described))}
    heading = {
        "source": f"ec2:DescribeInstanceTypes as recorded in moto {version('moto')} "
        "(moto/ec2/resources/instance_types.json.gz), by components/data/make_instances.py",
        "documentation": "https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html",
        "autoModeSource": AUTO_MODE_SOURCE,
        "autoModeFamilies": sorted((*AUTO_MODE_CPU, *AUTO_MODE_ACCELERATED)),
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in heading.items()]
    lines.append('  "types": {')
    lines.append(",\n".join(f"    {json.dumps(name)}: {json.dumps(known)}" for name, known in types.items()))
    return "\n".join(["{", *lines, "  }", "}", ""])


if __name__ == "__main__":
    TARGET.write_text(document())
