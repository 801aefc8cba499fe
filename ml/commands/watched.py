"""An endpoint that is watched: where what is known of it lies, and what is done about drift."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.commands.output import say
from ml.environment import Environment, readable_errors, team_of
from ml.errors import MlError, NotFoundError
from ml.watch.alert import message, publish, subject
from ml.watch.place import REFERENCE, WINDOWS, Place
from ml.watch.reaction import react
from ml.watch.reference import Reference

DOING = {"rollback": "bringing back", "fall-back": "falling back to"}
NO_TOPIC = "The platform has no alert topic that teams publish to: nobody is told but by this output."


class Watched:
    """One endpoint. Raises MlError for an endpoint of no team."""

    def __init__(self, environment: Environment, endpoint: str) -> None:
        team = team_of(environment, endpoint)
        self.environment = environment
        self.endpoint = endpoint
        self.team = team
        self.contract = environment.for_team(team)
        self.s3: Any = environment.clients.client("s3")
        self.place = Place(self.s3, self.contract, team, endpoint)

    def page(self, window: str) -> bytes:
        """The page with pictures of a window that drifted. Raises NotFoundError where it has none."""
        body = self.place.open_file(f"{WINDOWS}/{window}.html")
        if body is None:
            raise NotFoundError(
                f"{self.endpoint} has no page of a window {window}: only those that drifted have one "
                f"(ml watch windows {self.endpoint})."
            )
        return body.read()

    def reference(self) -> Reference:
        """What its windows are held against. Raises NotFoundError where nobody has said that."""
        document = self.place.read(REFERENCE)
        if document is None:
            raise NotFoundError(
                f"{self.endpoint} is not watched yet: `ml watch start JOB.YAML`, with deploy.watch in it."
            )
        return Reference.from_document(document, self.place.uri(REFERENCE))

    def react(self, reference: Reference) -> str | None:
        """`rollback` or `fall-back`; `none` where that had been done before, or cannot be; None where nobody asked."""
        kind = reference.watch.on_drift
        if kind == "alert":
            return None
        from ml.targets.sagemaker.endpoints import describe

        sagemaker = self.environment.clients.client("sagemaker")
        try:
            with readable_errors(self.environment):
                done = react(
                    self.place,
                    kind,
                    lambda: describe(sagemaker, self.endpoint).config,
                    lambda: self._bring(kind, reference.watch.fallback),
                )
        except MlError as error:
            say(f"{self.endpoint} serves what it served, with no {kind}: {error}")
            return "none"
        if not done:
            say(f"{self.endpoint} serves what an earlier reaction brought: there is no other {kind}.")
        return kind if done else "none"

    def _bring(self, kind: str, to: str | None) -> None:
        """Have another version serve, and wait until it does. Raises MlError where there is none."""
        from ml.targets.sagemaker import endpoints
        from ml.targets.sagemaker.restoring import bring_back

        sagemaker = self.environment.clients.client("sagemaker")
        state = endpoints.describe(sagemaker, self.endpoint)
        version, _ = bring_back(self.environment, self.contract, self.team, state, to)
        say(f"Drifted: {DOING[kind]} version {version.number}, {version.job} …")
        state = endpoints.wait(sagemaker, self.endpoint, lambda status: say(f"· {status}"))
        if state.config != version.config:
            raise MlError(f"it is {state.status} with {state.config}: {state.reason or 'SageMaker gives no reason'}")

    def alert(
        self, windows: Sequence[Mapping[str, Any]], qualities: Sequence[Mapping[str, Any]], reaction: str | None
    ) -> bool:
        """Tell people of drifted windows and lost qualities. Whether they are told, or nobody is to be."""
        topic = self.contract.platform.alert_topic_arn
        if topic is None:
            say(NO_TOPIC)
            return True
        done = f"Done about it: {reaction}." if reaction in DOING else "Nothing has been done about it."
        text = message(self.endpoint, self.environment.name, windows, qualities, done)
        line = subject(self.endpoint, windows, qualities)
        try:
            publish(self.environment.clients.client("sns"), topic, self.team, self.endpoint, line, text)
        except ClientError as error:
            say(f"The alert could not be delivered; the next run tries again: {error_details(error).message}")
            return False
        return True
