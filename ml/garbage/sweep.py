"""Doing what the comparison found: removing, and putting ledger and audit log right."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from ml.audit import AuditLog, Line, append, recording
from ml.aws import error_details
from ml.environment import Environment
from ml.errors import MlError
from ml.garbage.compare import Action, Item
from ml.garbage.things import HOSTED, JOB_KINDS, UPLOAD, Thing
from ml.ledger import Closing, EntryKey, Ledger
from ml.objects import remove_objects
from ml.registry.aliases import AliasHistory
from ml.targets.sagemaker import alarms, autoscaling, components
from ml.targets.sagemaker.endpoints import BUSY, describe
from ml.targets.sagemaker.multi_model import Prefix, prefix_of
from ml.targets.sagemaker.noticing import notice
from ml.targets.sagemaker.variants import is_missing
from platform_contract import PlatformContract

REMOVALS = {
    "training-job": ("stop_training_job", "TrainingJobName"),
    "processing-job": ("stop_processing_job", "ProcessingJobName"),
    "transform-job": ("stop_transform_job", "TransformJobName"),
    "endpoint": ("delete_endpoint", "EndpointName"),
    "endpoint-config": ("delete_endpoint_config", "EndpointConfigName"),
    "model": ("delete_model", "ModelName"),
    "model-package": ("delete_model_package", "ModelPackageName"),
}
"""What ends or deletes a thing, and the member that names it; a package is named by its ARN."""
LOOKS = {
    "training-job": ("describe_training_job", "TrainingJobName"),
    "processing-job": ("describe_processing_job", "ProcessingJobName"),
    "transform-job": ("describe_transform_job", "TransformJobName"),
    "endpoint": ("describe_endpoint", "EndpointName"),
    "endpoint-config": ("describe_endpoint_config", "EndpointConfigName"),
    "model": ("describe_model", "ModelName"),
    "model-package": ("describe_model_package", "ModelPackageName"),
}
MARKERS = {"code": "{0}/source.tar.gz", "inputs": "{0}.json"}
"""The object by which `ml train` knows that an upload is whole (ml.targets.sagemaker.storage): it goes first."""


class Sweep:
    """What `ml gc -y` does in one team's name."""

    def __init__(self, environment: Environment, contract: PlatformContract, team: str, lines: Sequence[Line]):
        self._environment = environment
        self._contract = contract
        self._team = team
        self._ledger = Ledger(environment, contract, team)
        self._lines = list(lines)
        self._told = {(line.action, line.subject): line for line in lines if line.phase == "done"}
        self._sagemaker = environment.clients.client("sagemaker")

    def do(self, item: Item) -> str:
        """Do one thing; returns what was done, for people. Raises MlError where AWS refuses."""
        match item.action:
            case Action.REMOVE:
                return self._remove(item)
            case Action.ADOPT:
                return self._adopt(item)
            case Action.COMPLETE:
                return self._complete(item)
            case Action.CLOSE:
                return self._close(item)
            case Action.SETTLE:
                return self._settle(item)

    def _remove(self, item: Item) -> str:
        assert item.thing is not None
        thing = item.thing
        subject = thing.arn if thing.kind in (UPLOAD, HOSTED, "model-package") else thing.name
        details = {"kind": thing.kind, "arn": thing.arn, "why": item.why, "by": "ml gc"}
        try:
            with recording(self._environment, self._contract, self._team, "delete", subject, details) as act:
                if thing.kind == UPLOAD:
                    self._remove_upload(thing)
                elif thing.kind == HOSTED:
                    Prefix(self._environment.clients.client("s3"), thing.arn).clear()
                else:
                    self._remove_resource(thing)
        except ClientError as error:
            raise MlError(f"{thing.kind} {thing.name} stays: {error_details(error).message}") from error
        # A job that was asked to stop is there until it has; its entry is closed when it has ended.
        if item.entry is not None and thing.kind not in JOB_KINDS:
            self._ledger.close(item.entry.key, Closing.REMOVED, line=act.line.place if act.line else None)
        return "stopped" if thing.kind in JOB_KINDS else "removed"

    def _remove_resource(self, thing: Thing) -> None:
        operation, member = REMOVALS[thing.kind]
        if thing.kind == "endpoint":
            components.remove(self._environment, thing.name)
            autoscaling.forget(self._environment, thing.name)
        try:
            getattr(self._sagemaker, operation)(**{member: self._identity(thing.kind, thing.name, thing.arn)})
        except ClientError as error:
            if not is_missing(error):
                raise
        if thing.kind == "endpoint":
            uri = prefix_of(self._contract, self._team, thing.name)
            Prefix(self._environment.clients.client("s3"), uri).clear()
            alarms.remove_if_allowed(self._environment, thing.name)

    def _remove_upload(self, thing: Thing) -> None:
        s3 = self._environment.clients.client("s3")
        bucket, _, prefix = thing.arn.removeprefix("s3://").partition("/")
        folder = thing.name.partition("/")[0]
        s3.delete_object(Bucket=bucket, Key=MARKERS[folder].format(prefix.removesuffix("/")))
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            remove_objects(s3, bucket, [entry["Key"] for entry in page.get("Contents", [])])

    def _adopt(self, item: Item) -> str:
        assert item.thing is not None
        by = {"arn": self._environment.clients.caller_arn, "owner": item.thing.owner or ""}
        details: dict[str, Any] = {"adopted": True, "instances": [list(pair) for pair in item.thing.instances]}
        head = AuditLog(self._environment, self._contract, self._team).end()
        key, _ = self._ledger.open(item.kind, item.name, details=details, head=head, by=by)
        self._ledger.complete(key, arn=item.thing.arn, line=None)
        return "written into the ledger"

    def _complete(self, item: Item) -> str:
        assert item.thing is not None
        assert item.entry is not None
        line = self._submission(item) if item.kind == "training-job" else None
        self._ledger.complete(item.entry.key, arn=item.thing.arn, line=line.place if line else None)
        return "its entry is complete"

    def _submission(self, item: Item) -> Line:
        """The audit line of a job's submission, which is written now where it is missing, in its submitter's name."""
        assert item.entry is not None
        found = self._told.get(("submit", item.name))
        if found is None:
            details = {**item.entry.details.get("facts", {}), "settled": True, "submitted_by": dict(item.entry.by)}
            details["entry"] = item.entry.digest
            details["submitted_at"] = item.entry.opened.isoformat(timespec="milliseconds")
            found = append(self._environment, self._contract, self._team, "submit", item.name, details)
            self._told["submit", item.name] = found
        return found

    def _close(self, item: Item) -> str:
        assert item.entry is not None
        assert item.closing is not None
        self._ledger.close(item.entry.key, item.closing)
        return f"its entry is closed: {item.closing.value}"

    def _settle(self, item: Item) -> str:
        if item.intent is None:
            return self._notice(item.name)
        intent = item.intent
        if intent.action in ("deploy", "rollback") and self._is_changing(intent.subject):
            return f"{intent.subject} is still changing: settled when that is over"
        outcome = self._outcome(intent)
        details = {"intent": intent.number, "of": intent.action, "outcome": outcome, "asked_by": intent.by}
        line = append(self._environment, self._contract, self._team, "settle", intent.subject, details)
        if intent.action == "delete" and outcome == "done":
            kind = str(intent.details.get("kind", ""))
            for key in self._entries_of(kind, intent):
                self._ledger.close(key, Closing.REMOVED, line=line.place)
        return f"{intent.action} was {outcome}"

    def _is_changing(self, endpoint: str) -> bool:
        return (self._look("endpoint", endpoint) or {}).get("EndpointStatus") in BUSY

    def _notice(self, endpoint: str) -> str:
        state = describe(self._sagemaker, endpoint)
        line = notice(self._environment, self._contract, self._team, state, lines=self._lines)
        return "the audit log tells of it" if line else "it has changed meanwhile"

    def _entries_of(self, kind: str, intent: Line) -> list[EntryKey]:
        if kind in JOB_KINDS or kind not in LOOKS or kind == "model-package":
            return []
        return self._ledger.of(kind, intent.subject)

    def _outcome(self, intent: Line) -> str:
        """What became of an intent, as far as the cloud can tell."""
        kind = str(intent.details.get("kind", ""))
        if intent.action in ("deploy", "rollback"):
            endpoint = self._look("endpoint", intent.subject)
            serves = endpoint is not None and endpoint.get("EndpointConfigName") == intent.details.get("config")
            return "done" if serves and self._has_models(intent) else "not done"
        if intent.action == "transform":
            return "done" if self._look("transform-job", intent.subject) else "not done"
        if intent.action == "delete" and kind in JOB_KINDS:
            job = self._look(kind, intent.subject) or {}
            statuses = (job.get(f"{word}JobStatus") for word in ("Training", "Processing", "Transform"))
            status = next((each for each in statuses if each), None)
            return "not done" if status == "InProgress" else "done"
        if intent.action == "delete" and kind in LOOKS:
            return "not done" if self._look(kind, intent.subject) else "done"
        if intent.action == "promote" and {"model", "version", "to"} <= intent.details.keys():
            aliases = AliasHistory(
                self._environment, self._contract, self._team, str(intent.details["model"])
            ).current()
            return "done" if aliases.get(intent.details["to"]) == intent.details["version"] else "not done"
        package = intent.details.get("package")
        if intent.action in ("approve", "reject") and package:
            status = (self._look("model-package", str(package)) or {}).get("ModelApprovalStatus")
            return "done" if status == {"approve": "Approved", "reject": "Rejected"}[intent.action] else "not done"
        return "of unknown outcome"

    def _has_models(self, intent: Line) -> bool:
        """Whether the models that a deployment was to put below its endpoint's prefix are there, and nothing else."""
        wanted = intent.details.get("models")
        if not wanted:
            return True
        uri = prefix_of(self._contract, self._team, intent.subject)
        keys = Prefix(self._environment.clients.client("s3"), uri).keys()
        return keys == {one["target_model"] for one in wanted.values()}

    def _look(self, kind: str, name: str) -> dict[str, Any] | None:
        operation, member = LOOKS[kind]
        try:
            return getattr(self._sagemaker, operation)(**{member: self._identity(kind, name, name)})
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    @staticmethod
    def _identity(kind: str, name: str, arn: str) -> str:
        return arn if kind == "model-package" else name
