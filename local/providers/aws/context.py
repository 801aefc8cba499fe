"""What the steps of one operation on one resource share."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from local.providers.aws import tags
from local.providers.aws.clients import Aws, AwsError
from local.providers.aws.fitting import MisfitError, filled, fitted, found
from local.providers.aws.table import Call, Function, Read, Resource, Step


def partition_of(region: str) -> str:
    """The partition that a region belongs to (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)."""
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((partition for prefix, partition in prefixes.items() if region.startswith(prefix)), "aws")


class Context:
    """One resource in one operation.

    new: the inputs that shall hold; old: those that hold (empty in a create); state: inputs and outputs as last known;
    changed: properties that differ; answer: what the create operation answered; id: empty before the create.
    """

    def __init__(self, aws: Aws, resource: Resource, name: str) -> None:
        self.aws = aws
        self.resource = resource
        self.name = name
        self.id = ""
        self.new: Mapping[str, Any] = {}
        self.old: Mapping[str, Any] = {}
        self.state: Mapping[str, Any] = {}
        self.changed: frozenset[str] = frozenset()
        self.answer: Mapping[str, Any] = {}
        self.deadline = time.monotonic() + 1800
        self.extra: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """The resource's region: its own property, else the provider's."""
        return str(self.new.get("region") or self.state.get("region") or self.aws.region)

    @property
    def subject(self) -> str:
        """The resource in messages."""
        return f"{self.resource.type} {self.name!r}" + (f" ({self.id})" if self.id else "")

    def value(self, reference: str) -> Any:
        """The value of a reference in a template: a property, an output, `id`, `region`, `account` or `partition`.

        An input that is not set has its default, or what AWS chose if AWS chooses.
        """
        name, _, rest = reference.partition(".")
        value = self._top(name)
        for part in rest.split(".") if rest else ():
            if isinstance(value, list):
                value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
            else:
                value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def _top(self, name: str) -> Any:
        if name in self.extra:
            return self.extra[name]
        if name == "id":
            return self.id or None
        if name == "account":
            return self.aws.account_id
        if name == "partition":
            return partition_of(self.region)
        prop = self.resource.property(name)
        if prop is None:
            return self.region if name == "region" else self.state.get(name)
        value = self.new.get(name)
        if value is None:
            value = self.state.get(name) if prop.computed else prop.default
        return value

    def call(self, operation: str, params: Mapping[str, Any], *, service: str = "") -> dict[str, Any]:
        """Make a call with values in Pulumi's form. Raises AwsError."""
        service = service or self.resource.service
        region = self.region if self.resource.regional and self.region != self.aws.region else None
        shape = self.aws.operation(service, operation, region).input_shape
        try:
            arguments = fitted(shape, dict(params)) if shape is not None else {}
        except MisfitError as error:
            raise AwsError(f"{service}:{operation} for {self.subject}: {error}") from error
        return self.aws.call(service, operation, arguments, region=region, subject=self.subject)

    def take(self, step: Step, **extra: Any) -> Any:
        """Take one step of the table. Returns the operation's answer, None where nothing was to be done."""
        if isinstance(step, Function):
            return step.run(self)
        if step.if_set and not self.value(step.if_set):
            return None
        if step.if_unset and self.value(step.if_unset):
            return None
        self.extra = extra
        try:
            params = filled(step.params, self.value) or {}
        finally:
            self.extra = {}
        try:
            return self.call(step.operation, params, service=step.service)
        except AwsError as error:
            if error.code in step.ignore:
                return None
            raise

    def create(self, step: Call) -> dict[str, Any]:
        """Take the step that creates, with the tags where the operation takes them."""
        params = dict(filled(step.params, self.value) or {})
        tagging, wanted = self.resource.tagging, self.new_tags()
        if tagging and tagging.member and wanted:
            params[tagging.member] = tags.wire(tagging, wanted)
        return self.call(step.operation, params, service=step.service)

    def read(self) -> dict[str, Any] | None:
        """What all reads bring, the further ones under their names; None when the resource does not exist."""
        document: dict[str, Any] = {}
        for each in self.resource.reads:
            self.extra = {"document": document}
            try:
                item = self._read_one(each)
            finally:
                self.extra = {}
            if each.into:
                document[each.into] = item
            elif item is None:
                return None
            else:
                document.update(item)
        return document

    def _read_one(self, read: Read) -> Any:
        params = filled(read.params, self.value) or {}
        try:
            answer = self.call(read.operation, params, service=read.service)
        except AwsError as error:
            if error.code in read.gone:
                return None
            raise
        item = re.sub(r"'\$([\w.]+)'", lambda match: _quoted(self.value(match[1])), read.item)
        return found(item, answer)

    def new_tags(self) -> dict[str, str]:
        """Tags that the resource shall carry, the provider's default tags included."""
        return tags.all_tags(self.aws.settings.default_tags, self.new.get("tags")) if self.resource.tagging else {}

    def set_tags(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Turn the resource's tags from one mapping into another."""
        tagging = self.resource.tagging
        if tagging is None:
            return
        added = {key: value for key, value in after.items() if before.get(key) != value}
        removed = [key for key in before if key not in after]
        if tagging.whole and (added or removed):
            added, removed = dict(after), list(before) if not after else []
        if removed:
            self.take(tagging.remove, tagKeys=removed, tagKeyPairs=[{"Key": key} for key in removed])
        if added:
            self.take(tagging.add, tags=tags.wire_list(tagging, added))


def _quoted(value: Any) -> str:
    """A value as a JMESPath literal."""
    return "`" + json.dumps(value).replace("`", "\\`") + "`"
