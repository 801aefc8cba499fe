"""Makes a stack ready for an engine: no dead lock, a state that can be read, nothing that was cut off."""

from functools import cache
from typing import Any

from local.errors import LocalStackError
from local.progress import Progress
from operations.calls import PATIENCE
from operations.engine_run import StackEngine
from operations.environments import ENVIRONMENTS, OperatedEnvironment, boto_session
from operations.locks import reading, require_unlocked, store_for
from operations.resuming.finder import Clients, Place
from operations.resuming.finding import POLL_S
from operations.resuming.plugins import await_orphans
from operations.resuming.settle import Settlement, settle
from operations.state_store import checkpoint

VISIBLE_S = 30.0
"""How long a list of AWS may lag behind: seconds in practice, and no page promises a number."""


def make_ready(environment: OperatedEnvironment, engine: StackEngine, progress: Progress) -> Settlement:
    """What must be done before an engine changes anything; run again after a kill it goes on from there.

    Raises LocalStackError: another engine holds the stack, its file cannot be read, or what became of an operation
    cannot be told.
    """
    for lock in require_unlocked(environment):
        progress.say(f"{lock} held the stack, and that process is gone: its lock is broken.")
    if not cut_off(environment, engine):
        return Settlement(0)
    with progress.step("What an earlier run left unfinished") as step:
        await_orphans(engine.variables.get("PULUMI_HOME"), step.now)
        place, clients = place_of(environment), clients_of(environment)
        # The local AWS server lists what it has made at once.
        visible_s, poll_s = (0.0, 0.5) if environment.is_local else (VISIBLE_S, POLL_S)
        done = settle(engine, place, clients, step.now, visible_s=visible_s, poll_s=poll_s)
        step.done(str(done))
    return done


def cut_off(environment: OperatedEnvironment, engine: StackEngine) -> int:
    """How many operations of the stack nobody has seen the end of. Raises LocalStackError."""
    return len(state_of(environment, engine).get("pending_operations") or [])


def state_of(environment: OperatedEnvironment, engine: StackEngine) -> dict[str, Any]:
    """The stack's state as it is recorded; empty where there is no stack. Raises LocalStackError."""
    store = store_for(environment)
    if store is None:
        return engine.state()
    with reading(environment):
        try:
            return checkpoint(store, environment.name, environment.project.name) or {}
        except ValueError as error:
            raise LocalStackError(
                f"The state of {environment.name} cannot be read, it is cut short or damaged: {error}",
                hint=f"`groundwork stack repair {environment.name}` brings back the newest copy that is whole, and "
                "finds what was made after it.",
            ) from None


def place_of(environment: OperatedEnvironment) -> Place:
    """Where the stack is. Raises LocalStackError where AWS does not say whose account it is."""
    from operations.leftovers.subject import checked_account

    session = boto_session(environment)
    own = environment.name if environment.project is ENVIRONMENTS else ""
    partition = session.get_partition_for_region(environment.region)
    return Place(own, checked_account(environment, session), environment.region, partition)


def clients_of(environment: OperatedEnvironment) -> Clients:
    """Clients of the environment's account, one a service and region."""
    session = boto_session(environment)

    @cache
    def client(service: str, region: str) -> Any:
        return session.client(service, region_name=region, config=PATIENCE)

    return client
