"""`ml schema`."""

from ml.command_line.root import app
from ml.options import epilog


@app.command(epilog=epilog("ml schema > job.schema.json"))
def schema() -> None:
    """Print the JSON Schema of a job's spec, for editors."""
    from ml.spec.schema import schema_text

    print(schema_text(), end="")
