"""The vocabulary of the resource table: what an entry for one resource type says.

An entry names Pulumi's properties on the left and AWS's API on the right. Parameters of an operation are templates:
`"$vpcId"` stands for the property `vpcId`, an output or `id`; `"$vpcConfig.subnetIds"` for what lies inside a block;
`"$document.Arn"` for what an earlier read of the same resource brought. A member whose reference has no value is left
out (`"$description!"` is empty text instead), and a structure with a member `"?"` is only there where that reference
has a value. Anything else is taken literally. How a value is written on the wire (numbers, member names inside blocks)
follows from botocore's model of the operation.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from local.providers.aws.context import Context

Kind = Literal["value", "json", "set", "map", "block", "blocks", "blockset"]
"""value: compared as it is · json: a document in a string, compared by content · set: a list without an order ·
map: free keys · block: named fields · blocks: a list of blocks · blockset: a list of blocks without an order."""

REPLACES = "the registry page marks it: 'Changes to this property will trigger replacement.'"
"""Citation for most replacing properties: the mark beside the property on the page that the entry's `docs` names (it
comes from `willReplaceOnChanges` of the provider's schema). Most have not been compared
with the page: docs/fidelity.md says so."""


@dataclass(frozen=True)
class Property:
    """One input property of a resource type, or one field of a block.

    replaces: citation of why a change replaces the resource; empty where it updates.
    replaces_if: of the old and the new value, where only some changes replace.
    default: what the provider's documentation says holds when the property is not set.
    computed: AWS chooses a value when the property is not set, so a value that nobody asked for is no drift.
    path: JMESPath of the value in what the reads bring; empty where AWS does not tell it (the value last set
        stands); None for the property's own name in AWS's spelling.
    autoname: longest physical name to make up from the logical name when the property is not set; 0 for none.
    alike: turns values that AWS takes for one and the same into equal ones.
    fields: of a block, or of each item of a list of blocks.
    """

    name: str
    kind: Kind = "value"
    _: KW_ONLY
    required: bool = False
    replaces: str = ""
    default: Any = None
    computed: bool = False
    path: str | None = None
    autoname: int = 0
    replaces_if: Callable[[Any, Any], bool] | None = None
    alike: Callable[[Any], Any] | None = None
    fields: tuple["Property", ...] = ()

    def field(self, name: str) -> "Property | None":
        """The field of this name, None if the block has none."""
        return next((each for each in self.fields if each.name == name), None)


@dataclass(frozen=True)
class Call:
    """One operation of the AWS API.

    on: properties whose change makes the call (in `updates`); it is also made after the create where one of them is
        set to something other than its default and `at_create` holds.
    if_set, if_unset: make the call only if this property is (not) set.
    ignore: error codes that mean that there is nothing to do.
    """

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    _: KW_ONLY
    service: str = ""
    on: tuple[str, ...] = ()
    at_create: bool = False
    if_set: str = ""
    if_unset: str = ""
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Function:
    """A step that no single operation can take: a small named function of the context."""

    run: Callable[["Context"], Any]
    _: KW_ONLY
    on: tuple[str, ...] = ()
    at_create: bool = False


Step = Call | Function


@dataclass(frozen=True)
class Read:
    """An operation that tells about a resource.

    item: JMESPath of the resource in the answer; nothing there means that the resource is gone. `'$name'` in it
        stands for a property's value.
    into: name under which the answer is put beside what the first read brought; empty for the first.
    gone: error codes that mean that the resource (for a further read: the setting) does not exist.
    """

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    item: str = "@"
    _: KW_ONLY
    service: str = ""
    into: str = ""
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Read until what lies at `path` (JMESPath in what the reads bring) is one of `until`.

    failed: values that are an error; `reason` is the path of AWS's explanation.
    """

    path: str
    until: tuple[str, ...]
    failed: tuple[str, ...] = ()
    reason: str = ""
    timeout_s: float = 1800


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How a service writes tags.

    member: member of the create operation that takes them; empty where only `add` can set them.
    style: pairs [{Key, Value}] · map {key: value} · ec2 TagSpecifications of `ec2_type` · kms [{TagKey, TagValue}].
    path: JMESPath of the tags in what the reads bring.
    add, remove: operations, with `"$tags"` for the tags to set and `"$tagKeys"` (`"$tagKeyPairs"`: [{Key}]) for the
        keys to remove.
    whole: `add` sets all tags at once, and `remove` takes them all away.
    """

    member: str
    style: Literal["pairs", "map", "ec2", "kms"]
    path: str
    add: Call
    remove: Call
    ec2_type: str = ""
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource type.

    docs: the registry page that the entry follows.
    create: its answer's values are found in the context's `answer`.
    id: JMESPath in the answer of the create (`answer:`…) or a template of properties (`"{role}:{name}"`, `"{a|b}"` for
        the first that is set), in the form that the documentation gives for imports, so that an id is read back into
        properties.
    import_id: for types whose imports use another form than their id: the true id and properties from that form.
    outputs: output property → JMESPath in what the reads bring.
    derived: output property → template of properties, `{account}`, `{region}` and `{partition}`.
    shape: what neither paths nor kinds can say: changes the properties read, in place.
    stable: outputs that an update never changes.
    created, updated: what to wait for; deleted_timeout_s: wait that long until the reads find nothing.
    unique: properties that, all staying the same, make a replacement collide with what it replaces, so that the old
        one is deleted first.
    single: the local stack can hold only one at a time, so a replacement always deletes first.
    check: says what is wrong with the inputs, in a sentence, or None.
    """

    type: str
    service: str
    docs: str
    properties: tuple[Property, ...]
    create: Step
    reads: tuple[Read, ...]
    after_create: tuple[Step, ...] = ()
    updates: tuple[Step, ...] = ()
    delete: tuple[Step, ...] = ()
    id: str
    import_id: "Callable[[Context], Mapping[str, Any]] | None" = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    shape: "Callable[[Context, Mapping[str, Any], dict[str, Any]], None] | None" = None
    stable: tuple[str, ...] = ("arn",)
    tagging: Tagging | None = None
    created: Wait | None = None
    updated: Wait | None = None
    deleted_timeout_s: float = 0
    unique: tuple[str, ...] = ()
    single: bool = False
    check: Callable[[Mapping[str, Any]], str | None] | None = None
    regional: bool = True

    def property(self, name: str) -> Property | None:
        """The input property of this name, None if there is none."""
        return next((each for each in self.properties if each.name == name), None)
