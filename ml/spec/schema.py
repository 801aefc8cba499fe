"""The spec's JSON Schema, published for editors as ml/schemas/job.schema.json."""

import json
from pathlib import Path
from typing import Any

from ml.spec.model import JobSpec

SCHEMA_FILE = Path(__file__).parents[1] / "schemas" / "job.schema.json"
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text() -> str:
    """The schema as JSON text."""
    document: dict[str, Any] = {"$schema": SCHEMA_DIALECT, **JobSpec.model_json_schema(by_alias=True)}
    document["title"] = "Groundwork job"
    # A channel may be written as its source alone, which a validator of the model allows and the schema must say.
    channel = document["properties"]["inputs"]["additionalProperties"]
    document["properties"]["inputs"]["additionalProperties"] = {"anyOf": [channel, {"type": "string", "minLength": 1}]}
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.parent.mkdir(exist_ok=True)
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
