"""What a run is made of, as MLflow tags and as a lock of its Python environment. Standard library only."""

# It runs in Pythons and beside libraries that this project does not choose.
# pyright: basic
# os.path, not pathlib, whose import a job's start would wait for.
# ruff: noqa: PTH118, PTH122, PTH123, PTH202, PTH208

import hashlib
import json
import os
import platform
import sys

MOST_TAG_CHARACTERS = 5000
MOST_HASHED_BYTES = 20 << 30
"""Data of a channel above this are not read once more only to know their version."""


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


def channel_version(folder):
    """The version of the files in a channel's folder, as `ml/data/content.py` makes it; None where they are too many.

    It is the SHA-256 over the names and SHA-256 of all files.
    """
    paths = {}
    for current, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(current, name)
            paths[os.path.relpath(path, folder).replace(os.sep, "/")] = path
    if not paths or sum(os.path.getsize(path) for path in paths.values()) > MOST_HASHED_BYTES:
        return None
    whole = hashlib.sha256()
    for name in sorted(paths):
        one = hashlib.sha256()
        with open(paths[name], "rb") as file:
            block = file.read(1 << 20)
            while block:
                one.update(block)
                block = file.read(1 << 20)
        whole.update(f"{name}\0{one.hexdigest()}\n".encode())
    return whole.hexdigest()


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
