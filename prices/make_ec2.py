"""Writes `data/ec2.csv` again, from the prices in Karpenter's AWS provider: `python -m prices.make_ec2`.

Karpenter's maintainers read AWS's price list API every few weeks and keep the on-demand prices as Go source
(`hack/code/prices_gen`). The module comes through the ordinary Go client, so Go must be on PATH. Only the instance
families that Auto Mode or a managed node group may run are kept.
"""

import csv
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from components.data.make_instances import AUTO_MODE_ACCELERATED, AUTO_MODE_CPU

MODULE = "github.com/aws/karpenter-provider-aws"
FILE = "pkg/providers/pricing/zz_generated.pricing_aws.go"
TARGET = Path(__file__).parent / "data" / "ec2.csv"
EXTRA_FAMILIES = ("p6e-gb200", "trn1", "trn1n", "trn2", "inf1", "inf2", "p3", "t3", "t4g")
_REGION = re.compile(r'^\t"([a-z0-9-]+)": \{$')
_ENTRY = re.compile(r'"([a-z0-9.-]+)":\s*([0-9.]+)')
_GENERATED = re.compile(r"generated at (\d{4}-\d{2}-\d{2})")


def module(version: str) -> tuple[zipfile.ZipFile, str]:
    """The module's archive, and its version. A module that asks for a newer Go than this one comes all the same."""
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"{MODULE}@{version}"], check=False, capture_output=True, text=True
    )
    told = json.loads(answer.stdout)
    if "Zip" not in told:
        sys.exit(f"The Go module proxy gave no {MODULE}@{version}: {told.get('Error', answer.stderr)}")
    return zipfile.ZipFile(told["Zip"]), told["Version"]


def prices(source: str) -> Iterator[tuple[str, str, str]]:
    """Region, instance type and dollars an hour of every entry."""
    region = ""
    for line in source.splitlines():
        if found := _REGION.match(line):
            region = found[1]
        for instance_type, usd in _ENTRY.findall(line):
            yield region, instance_type, usd


def main() -> None:
    """Write the file."""
    archive, version = module(sys.argv[1] if len(sys.argv) > 1 else "latest")
    source = archive.read(f"{MODULE}@{version}/{FILE}").decode()
    generated = _GENERATED.search(source)
    assert generated, f"{FILE} does not say when it was made"
    kept = {*AUTO_MODE_CPU, *AUTO_MODE_ACCELERATED, *EXTRA_FAMILIES}
    cited = f"{MODULE} {version} {FILE}"
    rows = [
        (region, f"ec2:{name}", usd, "hour", generated[1], cited)
        for region, name, usd in sorted(set(prices(source)))
        if name.split(".")[0] in kept and ".metal" not in name
    ]
    with TARGET.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("region", "item", "usd", "unit", "date", "source"))
        writer.writerows(rows)
    print(f"{len(rows)} prices of {version} ({generated[1]}) in {TARGET}")


if __name__ == "__main__":
    main()
