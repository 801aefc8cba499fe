"""The acts of a model's life, each in a process that ends by SIGKILL after the write that it is told."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ml.audit import AuditLog, recording
from ml.audit.verify import Verdict
from ml.audit.witnesses import verify_log
from ml.commands import gc as gc_command
from ml.commands.output import Format
from ml.environment import Environment, open_environment
from ml.garbage.compare import Item, Rules
from ml.registry import packages
from ml.registry.aliases import AliasHistory
from ml.spec import load_spec
from ml.spec.model import EndpointInstance
from ml.targets.sagemaker import endpoints
from ml.targets.sagemaker.endpoints import Target
from ml.targets.sagemaker.training import submit
from platform_contract import PlatformContract

WRITES = ("Put", "Create", "Update", "Delete", "Stop", "Copy", "Add")
YOUNG = Rules(now=datetime.now(UTC) + timedelta(hours=1), young=timedelta(0), unused=timedelta(0))
IMAGE = "example.com/model-server:1"
SPEC = "name: trial\nteam: {0}\nentry_point: train.py\nimage: training:0.1.0\n"


class Life:
    """One run of one act, in an environment whose writes are counted.

    team: whose. run: its number, which names what it makes. last: the write after which the process is killed; 0 for
    none. model_data: S3 URI of a trained model.
    """

    def __init__(self, folder: Path, team: str, run: int, last: int, model_data: str):
        self.folder = folder
        self.team = team
        self.run = run
        self.last = last
        self.model_data = model_data
        self.environment: Environment = open_environment("local")
        self.contract: PlatformContract = self.environment.for_team(team)
        self.made: list[str] = []
        # Registered before the first client is made: they take over what the session knows.
        self.environment.clients.session.register("after-call", self._count)  # pyright: ignore
        self.sagemaker = self.environment.clients.client("sagemaker")

    def _count(self, model: Any, **_: Any) -> None:
        if model.name.startswith(WRITES):
            self.made.append(f"{model.service_model.service_name} {model.name}")
            if len(self.made) == self.last:
                os.kill(os.getpid(), signal.SIGKILL)

    def train(self) -> None:
        """`ml train`: code, record, entry, job, line."""
        (self.folder / "train.py").write_text(f"print({self.run})\n")
        (self.folder / "job.yaml").write_text(SPEC.format(self.team))
        submit(load_spec(self.folder / "job.yaml"), self.folder, self.environment)

    def deploy(self) -> None:
        """`ml deploy` of a model where there is no endpoint; it may live for no time at all."""
        endpoints.deploy(self.environment, self.contract, self.target(f"{self.team}-new-{self.run}", timedelta(0)))

    def change(self) -> None:
        """`ml deploy` of another model to the endpoint that is there."""
        name = f"{self.team}-kept"
        self.in_service(name)
        endpoints.deploy(self.environment, self.contract, self.target(name, None))

    def in_service(self, endpoint: str) -> None:
        """Wait for an endpoint, as `ml deploy` does."""
        state = endpoints.wait(self.sagemaker, endpoint, lambda _: None)
        assert state.status == "InService", state

    def target(self, endpoint: str, expires: timedelta | None) -> Target:
        """A deployment that is of this run alone."""
        return Target(
            team=self.team,
            job=f"{self.team}-job-{self.run}",
            model_data=self.model_data,
            endpoint=endpoint,
            instance=EndpointInstance.model_validate({}),
            image=IMAGE,
            environment={},
            expires=expires,
        )

    def approve(self) -> None:
        """The writes of `ml promote`, whose gates have passed, and of `ml approve`."""
        model, name = f"model-{self.run}", f"model-{self.run}/1"
        history = AliasHistory(self.environment, self.contract, self.team, model)
        told = {"model": model, "version": "1", "to": "challenger"}
        with recording(self.environment, self.contract, self.team, "promote", name, told) as act:
            package = packages.create(
                self.environment,
                self.contract,
                self.team,
                model,
                status=packages.PENDING,
                container={"Image": IMAGE, "ModelDataUrl": self.model_data},
                metadata={packages.VERSION: "1", packages.AUTHOR: "ada"},
                report_uri=f"{self.contract.teams[self.team].artifact_uri}/registry/report.json",
                lineage={},
            )
            act.details["package"] = package
            history.move(history.current(), {"challenger": "1"}, {"package": package})
        with recording(self.environment, self.contract, self.team, "approve", name, {"package": package}):
            packages.decide(self.environment, packages.describe(self.environment, package), packages.APPROVED, "")
            history.move(history.current(), {"challenger": None, "champion": "1"}, {"approved": package})

    def take_down(self) -> None:
        """`ml stop --endpoint`."""
        name = f"{self.team}-down-{self.run}"
        endpoints.delete(self.environment, self.contract, self.team, name, wait=False)

    def collect(self) -> None:
        """`ml gc -y`, for which nothing is too young."""
        gc_command.open_environment = lambda _: self.environment
        gc_command.gc(env="local", output=Format.JSON, team=self.team, yes=True, young=0, unused=0)

    def left(self) -> list[str]:
        """What `ml gc` would still do."""
        found = gc_command.look(self.environment, self.contract, self.team, YOUNG)
        return [f"{item.action} {item.kind} {item.name}: {item.says}" for item in found.items if not going(item)]

    def jobs(self) -> list[str]:
        """The training jobs that SageMaker has."""
        pages = self.sagemaker.get_paginator("list_training_jobs").paginate(NameContains=f"{self.team}-")
        return sorted(entry["TrainingJobName"] for page in pages for entry in page["TrainingJobSummaries"])

    def submitted(self) -> list[str]:
        """The jobs that the audit log tells of."""
        lines = AuditLog(self.environment, self.contract, self.team).lines()
        return sorted(line.subject for line in lines if line.action == "submit")

    def verdict(self) -> Verdict:
        """What `ml audit verify` finds."""
        return verify_log(self.environment, self.contract, self.team)


def going(item: Item) -> bool:
    """Whether it is about something that has been asked to go, and takes a moment."""
    return item.thing is not None and (item.thing.status == "Deleting" or item.kind == "training-job")


def in_a_child(act: Callable[[], Any], answer: Path, variables: Mapping[str, str]) -> int:
    """Do it in a process of its own, with these variables, whose result is written to a file; its wait status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        os.environ.update(variables)
        try:
            with Path(os.devnull).open("w") as nothing:
                os.dup2(nothing.fileno(), 1)
                os.dup2(nothing.fileno(), 2)
                answer.write_text(json.dumps(act()))
            code = 0
        except BaseException as error:
            answer.write_text(json.dumps(f"{type(error).__name__}: {error}"))
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]
