"""Tensors in the protocol's two forms: JSON, and bytes after the JSON."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ml.serving.errors import RequestError, bad_input

NUMPY = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""numpy's name of each datatype, little-endian as the binary form is; BYTES is beside them."""
_DATATYPE = {kind.lstrip("<"): name for name, kind in NUMPY.items()}
_LENGTH = struct.Struct("<I")
_IN_WORDS = {"B": "truth values", "U": "whole numbers", "I": "whole numbers", "F": "numbers"}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One input or output.

    values: all elements in row-major order, a flat list or a numpy array of one dimension; of BYTES, texts from JSON
    and bytes from the binary form. binary: whether they came, or shall go, in the binary form.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Any
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    binary: bool = False

    @property
    def content_type(self) -> object:
        """MLServer's word for what the elements are (`str`, `base64`, `datetime`, `pd_json`, …), if there is one."""
        return self.parameters.get("content_type")

    def plain(self) -> list[Any]:
        """The elements as Python's own values, BYTES as text. Raises RequestError where they are not UTF-8."""
        if not isinstance(self.values, list):
            return self.values.tolist()
        values = cast("list[Any]", self.values)
        if self.datatype != "BYTES" or not self.binary:
            return values
        try:
            return [value.decode() for value in values]
        except UnicodeDecodeError:
            raise bad_input(f"Input {self.name!r} is not UTF-8.", column=self.name) from None

    def array(self) -> Any:
        """The elements as a numpy array of the tensor's shape; BYTES as texts."""
        import numpy as np

        kind = NUMPY.get(self.datatype)
        flat: Any = np.array(self.plain(), dtype=object) if kind is None else np.asarray(self.values, dtype=kind)
        return flat.reshape(self.shape)


def read_tensor(document: Any, place: int, tail: memoryview) -> tuple[Tensor, int]:
    """An input, and how many bytes of `tail` are its data.

    document: its JSON object. place: counted from 1. tail: the binary data from where this input's begin. Raises
    RequestError.
    """
    if not isinstance(document, dict):
        raise bad_input(f"Input {place} is no object.")
    fields = cast("dict[str, Any]", document)
    name, datatype, shape = fields.get("name"), fields.get("datatype"), fields.get("shape")
    if not isinstance(name, str):
        raise bad_input(f"Input {place} has no name.")
    if datatype != "BYTES" and datatype not in NUMPY:
        allowed = ", ".join([*NUMPY, "BYTES"])
        raise bad_input(f"Input {name!r} has the datatype {datatype!r}; there are {allowed}.", column=name)
    if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in cast("list[Any]", shape)):
        raise bad_input(f"Input {name!r} has no shape of whole numbers.", column=name)
    sizes = tuple(cast("list[int]", shape))
    parameters: Any = fields.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise bad_input(f"The parameters of input {name!r} are no object.", column=name)
    known = cast("dict[str, Any]", parameters)
    length = known.get("binary_data_size")
    if length is None:
        values: Any = _from_json(name, datatype, fields.get("data"))
    elif type(length) is not int or not 0 <= length <= len(tail):
        raise bad_input(f"Input {name!r} says {length!r} bytes of binary data; {len(tail)} are there.", column=name)
    else:
        values = _from_bytes(name, datatype, tail[:length])
    if len(values) != math.prod(sizes):
        message = f"Input {name!r} has {len(values)} elements; its shape {list(sizes)} means {math.prod(sizes)}."
        raise bad_input(message, column=name)
    tensor = Tensor(
        name=name, datatype=datatype, shape=sizes, values=values, parameters=known, binary=length is not None
    )
    return tensor, length or 0


def _from_json(name: str, datatype: str, data: Any) -> list[Any]:
    """The elements of a JSON tensor, flat or nested, each of the datatype."""
    if not isinstance(data, list):
        raise bad_input(f"Input {name!r} has no data.", column=name)
    values = cast("list[Any]", data)
    while values and isinstance(values[0], list):
        if not all(isinstance(each, list) for each in values):
            raise bad_input(f"The data of input {name!r} are nested unevenly.", column=name)
        values = [element for each in values for element in each]
    kinds = set(map(type, values))
    if datatype == "BYTES":
        if not kinds <= {str, type(None)}:
            raise _wrong(name, datatype, "texts")
    elif datatype == "BOOL":
        if not kinds <= {bool}:
            raise _wrong(name, datatype, _IN_WORDS["B"])
    elif datatype.startswith("FP"):
        if not kinds <= {float, int, type(None)}:
            raise _wrong(name, datatype, _IN_WORDS["F"])
        if type(None) in kinds:  # as MLServer writes NaN, which JSON lacks
            values = [math.nan if value is None else value for value in values]
    elif not kinds <= {int} or (values and not _fits(values, datatype)):
        raise _wrong(name, datatype, f"{_IN_WORDS['I']} of that size")
    return values


def _fits(values: list[int], datatype: str) -> bool:
    bits = int(datatype.lstrip("UINT"))
    low, high = (0, 2**bits) if datatype.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return low <= min(values) and max(values) < high


def _wrong(name: str, datatype: str, wanted: str) -> RequestError:
    return bad_input(f"Input {name!r}: a tensor of {datatype} holds {wanted}.", column=name, expected=wanted)


def _from_bytes(name: str, datatype: str, data: memoryview) -> Any:
    if datatype != "BYTES":
        import numpy as np

        try:
            return np.frombuffer(data, dtype=NUMPY[datatype])
        except ValueError:
            message = f"The binary data of input {name!r}, {len(data)} bytes, are no whole number of {datatype}."
            raise bad_input(message, column=name) from None
    values: list[bytes] = []
    at = 0
    while at < len(data):
        if at + _LENGTH.size > len(data) or at + _LENGTH.size + _LENGTH.unpack_from(data, at)[0] > len(data):
            raise bad_input(f"The binary data of input {name!r} end within an element.", column=name)
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        values.append(bytes(data[at : at + size]))
        at += size
    return values


def of_array(name: str, array: Any) -> Tensor:
    """A numpy array as a tensor; one dimension becomes [rows, 1], as MLServer has it."""
    shape = tuple(array.shape) if len(array.shape) > 1 else (array.size, 1)
    datatype = _DATATYPE.get(array.dtype.str.lstrip("<|=>")) or ("BOOL" if array.dtype.kind == "b" else None)
    if datatype is not None:
        return Tensor(name=name, datatype=datatype, shape=shape, values=array.astype(NUMPY[datatype]).ravel())
    values, kind = _texts(array.ravel().tolist())
    return Tensor(name=name, datatype="BYTES", shape=shape, values=values, parameters={"content_type": kind})


def _texts(values: list[Any]) -> tuple[list[Any], str]:
    """The elements as texts, and MLServer's word for what they are."""
    from ml.serving.encode import dumps

    if all(value is None or isinstance(value, str) for value in values):
        return values, "str"
    if all(hasattr(value, "isoformat") for value in values):
        return [value.isoformat() for value in values], "datetime"
    return [dumps(value).decode() for value in values], "pd_json"


def to_bytes(tensor: Tensor) -> bytes:
    """The binary form of a tensor's elements; a missing text is an empty one there."""
    if not isinstance(tensor.values, list):
        return tensor.values.tobytes()
    encoded = [str(value or "").encode() for value in cast("list[Any]", tensor.values)]
    return b"".join(_LENGTH.pack(len(each)) + each for each in encoded)
