"""Whether a job's data are those that were checked and found to be as expected. Standard library only.

The check ran in a job of its own (`ml/data/job.py`) and left a result, which this job gets as a channel: the verdict,
and the SHA-256 of each file that was looked at. What lies in the data's channels now is compared with it before the
script starts, so a file that was changed, added or lost in between stops the job.
"""

# pyright: basic
# os.path, as in the driver.
# ruff: noqa: PTH112, PTH118, PTH123, PTH208

import hashlib
import json
import os

CHANNEL = "data-validation"
DIGEST = "GROUNDWORK_VALIDATION"
"""Variable with the SHA-256 of the result that whoever submitted the job has read."""
NOTE = "groundwork-data.json"
"""ml/serving/personal.py has the same word."""
_MOST_SHOWN = 5


def problem(base):
    """Why the job must not run on what lies in its channels; None where it may, or where no check was asked for.

    base: /opt/ml.
    """
    channels = read_json(os.path.join(base, "input", "config", "inputdataconfig.json")) or {}
    wanted = os.environ.get(DIGEST)
    if not wanted and CHANNEL not in channels:
        return None
    path = os.path.join(base, "input", "data", CHANNEL, "result.json")
    try:
        with open(path, "rb") as file:
            content = file.read()
        result = json.loads(content)
        checked, passed = result["channels"], result["passed"]
    except (OSError, ValueError, KeyError) as error:
        return f"Data validation: its result cannot be read ({type(error).__name__})."
    if wanted and hashlib.sha256(content).hexdigest() != wanted:
        return "Data validation: the result is another one than the job was submitted with."
    if passed is not True:
        return "Data validation: the data are not as expected ({}).".format(result.get("job", "the report says more"))
    for name in sorted(checked):
        config = channels.get(name)
        if config is None:
            return f"Data validation: the job lacks the channel {name}, which was checked."
        sharded = config.get("S3DistributionType") == "ShardedByS3Key"
        found = differences(os.path.join(base, "input", "data", name), checked[name]["files"], sharded)
        if found:
            shown = ", ".join(found[:_MOST_SHOWN]) + (
                f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
            )
            return f"Data validation: the files of the channel {name} are not those that were checked: {shown}."
    print(
        "Data validation: the files of {} are those that were checked.".format(", ".join(sorted(checked))), flush=True
    )
    return None


def leave_note(base, model_dir):
    """Beside the model that the script has left: which columns are personal, and the versions of the data.

    It goes wherever the model goes; the inference server keeps such columns out of its log and of what it captures.
    """
    if not os.path.isdir(model_dir) or not os.listdir(model_dir):
        return
    result = read_json(os.path.join(base, "input", "data", CHANNEL, "result.json")) or {}
    versions = {name: entry["digest"] for name, entry in result.get("channels", {}).items()}
    with open(os.path.join(model_dir, NOTE), "w") as file:
        json.dump({"personal": result.get("personal", []), "versions": versions}, file, indent=1)


def differences(folder, files, sharded):
    """What is not as it was checked: a machine of a job that shards its files has only some of them."""
    there = {}
    for current, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(current, name)
            there[os.path.relpath(path, folder).replace(os.sep, "/")] = path
    found = [f"{name} was not checked" for name in sorted(there) if name not in files]
    if not sharded:
        found += [f"{name} is missing" for name in sorted(files) if name not in there]
    found += [f"{name} has changed" for name in sorted(there) if name in files and digest(there[name]) != files[name]]
    return found


def digest(path):
    """SHA-256 of a file, in hex."""
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            block = file.read(1024 * 1024)
            if not block:
                return whole.hexdigest()
            whole.update(block)


def read_json(path):
    """A document; None where there is none."""
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None
