"""What the server and its model say of themselves."""

from typing import Any

from ml.serving.open_inference.outputs import DEFAULT_OUTPUT
from ml.serving.open_inference.tensors import NUMPY

EXTENSIONS = ("binary_tensor_data",)
_BYTES = "BYTES"
_OF_COLUMN = {
    "boolean": ("BOOL", "np"),
    "integer": ("INT32", "np"),
    "long": ("INT64", "np"),
    "float": ("FP32", "np"),
    "double": ("FP64", "np"),
    "string": (_BYTES, "str"),
    "binary": (_BYTES, "base64"),
    "datetime": (_BYTES, "datetime"),
}
"""MLflow's column types as datatypes and content types, as MLServer's MLflow runtime has them."""


def model_metadata(model: Any, name: str, version: str | None) -> dict[str, Any]:
    """The model metadata document. model: an mlflow.models.Model, which has signature and flavors."""
    signature = model.signature
    loader = str(model.flavors.get("python_function", {}).get("loader_module", "mlflow.pyfunc"))
    return {
        "name": name,
        **({"versions": [version]} if version is not None else {}),
        "platform": loader.replace(".", "_"),
        "inputs": _tensors(signature.inputs if signature else None, "input-1"),
        "outputs": _tensors(signature.outputs if signature else None, DEFAULT_OUTPUT),
    }


def output_name(signature: Any) -> str:
    """The name of predictions that have none: the signature's, where it names one output."""
    outputs = signature.outputs if signature else None
    if outputs is None or len(outputs.inputs) != 1:
        return DEFAULT_OUTPUT
    return outputs.inputs[0].name or DEFAULT_OUTPUT


def _tensors(schema: Any, unnamed: str) -> list[dict[str, Any]]:
    if schema is None:
        return []
    specs = schema.inputs
    if not schema.is_tensor_spec() and not schema.has_input_names():
        # Columns without names come and go as one tensor.
        specs = specs[:1]
    return [_tensor(spec, spec.name or unnamed, schema.is_tensor_spec(), len(schema.inputs)) for spec in specs]


def _tensor(spec: Any, name: str, of_tensors: bool, columns: int) -> dict[str, Any]:
    if of_tensors:
        kinds = {kind.lstrip("<"): datatype for datatype, kind in NUMPY.items()}
        text = spec.type.str.lstrip("<|=>")
        datatype, content_type = ("BOOL" if text == "b1" else kinds.get(text, _BYTES)), "np"
        shape = [*spec.shape] if len(spec.shape) > 1 else [-1, 1]
    else:
        datatype, content_type = _OF_COLUMN.get(getattr(spec.type, "name", ""), (_BYTES, "pd_json"))
        shape = [-1, 1 if spec.name else columns]
    parameters = {"content_type": content_type}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}
