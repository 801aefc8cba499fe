"""`ml predict --async`: rows into an endpoint's queue, and their answers out of S3."""

from dataclasses import asdict

from ml.commands.endpoints import find
from ml.commands.output import Format, prediction, print_json, say
from ml.environment import open_environment, readable_errors
from ml.errors import ExitCode
from ml.targets.sagemaker import endpoints
from ml.targets.sagemaker.invoke import InvocationRequest, table_of
from ml.targets.sagemaker.queueing import answer_of, enqueue, requests_uri


def predict(
    parts: list[InvocationRequest],
    ids: list[str],
    *,
    env: str | None,
    output: Format,
    endpoint: str,
    accept: str,
    wait: bool,
) -> ExitCode:
    """Put requests into the queue of an asynchronous endpoint. ids: an inference id each. wait: for their answers."""
    environment = open_environment(env)
    clients = environment.clients
    with readable_errors(environment):
        sagemaker = clients.client("sagemaker")
        name = find(sagemaker, endpoint).name
        uri = requests_uri(name, endpoints.describe_raw(sagemaker, name))
        queued = [
            enqueue(clients, name, uri, part, accept, known_as) for part, known_as in zip(parts, ids, strict=True)
        ]
        if wait:
            say(f"{len(queued)} in the queue of {name}; the answers come to {queued[0].output.rpartition('/')[0]}/")
        try:
            predictions = table_of([answer_of(clients, one) for one in queued]) if wait else None
        except KeyboardInterrupt:
            say("\nNo longer waiting; the answers will be at")
            for one in queued:
                say(f"  {one.output}")
            return ExitCode.INTERRUPTED
    if output is Format.JSON:
        told = {"endpoint": name, "requests": [asdict(one) for one in queued]}
        print_json(told if predictions is None else {**told, "predictions": predictions})
        return ExitCode.OK
    for line in [prediction(row) for row in predictions] if predictions is not None else [one.output for one in queued]:
        print(line)
    return ExitCode.OK
