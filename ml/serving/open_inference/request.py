"""An inference request: its JSON, the binary data behind it, and what of both may be shown."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from ml.serving.errors import bad_input
from ml.serving.open_inference.tensors import Tensor, read_tensor

PROTOCOL_PARAMETERS = frozenset(("binary_data_output", "content_type", "headers"))


@dataclass(frozen=True, kw_only=True)
class InferenceRequest:
    """What a client asks.

    id: its own name of the request. outputs: the outputs that it wants by name, each with whether in binary form; None
    for all there are. binary: whether outputs go in binary form where nothing else is said.
    """

    id: str | None
    parameters: dict[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: dict[str, bool] | None
    binary: bool


def read_request(body: bytes, json_length: int | None) -> InferenceRequest:
    """The request in a body. json_length: of the JSON before the binary data; None where there are none.

    Raises RequestError.
    """
    document = _document(body, json_length)
    identifier = document.get("id")
    parameters: Any = document.get("parameters") or {}
    if identifier is not None and not isinstance(identifier, str):
        raise bad_input("'id' is no text.")
    if not isinstance(parameters, dict):
        raise bad_input("'parameters' is no object.")
    known = cast("dict[str, Any]", parameters)
    given = document.get("inputs")
    if not isinstance(given, list) or not given:
        raise bad_input("The request has no 'inputs'.", expected="a list of tensors")
    tail = memoryview(body)[len(body) if json_length is None else json_length :]
    inputs: list[Tensor] = []
    at = 0
    for place, each in enumerate(cast("list[Any]", given), 1):
        tensor, length = read_tensor(each, place, tail[at:])
        if any(tensor.name == other.name for other in inputs):
            raise bad_input(f"Input {tensor.name!r} comes twice.", column=tensor.name)
        inputs.append(tensor)
        at += length
    if at != len(tail):
        raise bad_input(f"The body has {len(tail)} bytes of binary data; the inputs say {at}.")
    binary = known.get("binary_data_output") is True
    return InferenceRequest(
        id=identifier,
        parameters={name: value for name, value in known.items() if name not in PROTOCOL_PARAMETERS},
        inputs=tuple(inputs),
        outputs=_outputs(document.get("outputs"), binary),
        binary=binary,
    )


def _document(body: bytes, json_length: int | None) -> dict[str, Any]:
    if json_length is not None and not 0 <= json_length <= len(body):
        raise bad_input(f"Inference-Header-Content-Length is {json_length}; the body has {len(body)} bytes.")
    try:
        document: Any = json.loads(body[:json_length])
    except (ValueError, RecursionError) as error:
        raise bad_input(f"The request is not JSON: {type(error).__name__}.") from None
    if not isinstance(document, dict):
        raise bad_input("The request is no object.", expected="an object with 'inputs'")
    return cast("dict[str, Any]", document)


def _outputs(given: Any, binary: bool) -> dict[str, bool] | None:
    if not given:
        return None
    wanted: dict[str, bool] = {}
    if not isinstance(given, list):
        raise bad_input("'outputs' is no list.")
    for each in cast("list[Any]", given):
        if not isinstance(each, dict) or not isinstance(cast("dict[str, Any]", each).get("name"), str):
            raise bad_input("An output that is asked for has no name.")
        fields = cast("dict[str, Any]", each)
        parameters: Any = fields.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise bad_input(f"The parameters of output {fields['name']!r} are no object.")
        wanted[fields["name"]] = bool(cast("dict[str, Any]", parameters).get("binary_data", binary))
    return wanted


Change = Callable[[str, int, int, Any], Any]


def shown(body: bytes, json_length: int | None, change: Change | None = None) -> dict[str, Any]:
    """A request or an answer as JSON alone: binary data as elements, each as `change` leaves it.

    change: is given the tensor's name, the element's place in its row and the row's width, and the element; None leaves
    all as they are. Raises RequestError where the body is none of the protocol's.
    """
    document = _document(body, json_length)
    tail = memoryview(body)[len(body) if json_length is None else json_length :]
    side = "inputs" if "inputs" in document else "outputs"
    given: Any = document.get(side)
    if not isinstance(given, list):
        raise bad_input(f"The document has no {side!r}.")
    tensors: list[dict[str, Any]] = []
    at = 0
    for place, fields in enumerate(cast("list[Any]", given), 1):
        tensor, length = read_tensor(fields, place, tail[at:])
        at += length
        width = tensor.shape[-1] if len(tensor.shape) > 1 else 1
        data = _elements(tensor)
        if change is not None:
            data = [change(tensor.name, number % width, width, value) for number, value in enumerate(data)]
        parameters = {key: value for key, value in tensor.parameters.items() if key != "binary_data_size"}
        own = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype, "data": data}
        tensors.append({**own, "parameters": parameters} if parameters else own)
    return {**document, side: tensors}


def _elements(tensor: Tensor) -> list[Any]:
    """The elements as JSON has them: bytes that are no text in base64, NaN as null."""
    if tensor.datatype == "BYTES" and tensor.binary:
        return [_text(value) for value in tensor.values]
    return [None if value != value else value for value in tensor.plain()]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
