"""The local stack, for the benches that need it up."""

from bench.environments import ROOT, BenchError

STACK = "local"


def stack_environment() -> dict[str, str]:
    """The environment variables that lead a child process to this checkout's local stack, whatever the shell has set.

    Raises BenchError where the stack has never been up or does not run.
    """
    from local.environment import process_environment
    from local.errors import LocalStackError
    from local.paths import Paths
    from local.supervisor.client import SupervisorClient

    paths = Paths(ROOT)
    try:
        environment = process_environment(paths)
        SupervisorClient(paths).wait_until_healthy(lambda _: None)
    except LocalStackError as error:
        raise BenchError(f"The local stack does not run ({error}). Run `make local` first.") from error
    return environment
