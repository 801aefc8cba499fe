"""What a run is made of, as MLflow tags and as a lock of its Python environment. Standard library only."""

# It runs in Pythons and beside libraries that this project does not choose.
# pyright: basic
# os.path, not pathlib, whose import a job's start would wait for.
# ruff: noqa: PTH122, PTH208

import hashlib
import json
import os
import platform
import sys

MOST_TAG_CHARACTERS = 5000


def tags(record, content):
    """The run's tags: what the record knows, each at most as long as MLflow takes."""
    image, git = record["image"], record.get("git") or {}
    made = {
        "mlflow.user": record["submitter"],
        "mlflow.source.type": "JOB",
        "mlflow.source.name": record["spec"].get("entry_point", ""),
        **commit(record),
        "groundwork.job": record["job"],
        "groundwork.team": record["team"],
        "groundwork.environment_name": record["environment"],
        "groundwork.code": record["code"]["digest"],
        "groundwork.image": image["uri"],
        "groundwork.image_digest": image.get("digest") or "",
        "groundwork.git_branch": git.get("branch") or "",
        "groundwork.git_dirty": json.dumps(git["dirty"]) if git else "",
        "groundwork.record": hashlib.sha256(content).hexdigest(),
        "groundwork.reproduces": record.get("reproduces") or "",
    }
    for name, one in record.get("inputs", {}).items():
        made["groundwork.data." + name] = one.get("version") or one["uri"]
    return {key: value[:MOST_TAG_CHARACTERS] for key, value in made.items() if value}


def commit(record):
    """MLflow's own tag of the git commit; nothing where the code was packed outside a repository."""
    git = record.get("git") or {}
    return {"mlflow.source.git.commit": git["commit"]} if git.get("commit") else {}


def environment_lock():
    """The Python and every package that the script can import, by the names of their metadata folders."""
    found = {}
    for folder in sys.path:
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            if suffix in (".dist-info", ".egg-info") and "-" in stem:
                name, version = stem.split("-")[:2]
                # The first folder on the path is the one that is imported from.
                found.setdefault(name.lower().replace("_", "-"), version)
    head = f"# Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
    return head + "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))
