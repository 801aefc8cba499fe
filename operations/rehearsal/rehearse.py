"""The steps of a rehearsal: the base's program and its work, the change on top, back, forward again, and away."""

import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from local.errors import LocalStackError, tail
from local.progress import Progress, Step
from operations.rehearsal import applying, judging, work
from operations.rehearsal.load import Traffic, asking, client
from operations.rehearsal.model import Applied, Finding, Load, Phase, Rehearsal, StepResult, StepState
from operations.rehearsal.running import Bed, end_all
from operations.rehearsal.sources import Checkout, Source, share_environment, shares_environment, write

LOG_LINES = 20
MOST_LEFT = 10
PREPARE = (
    "from local.paths import this_checkout; from local.pulumi_stack import prepare; prepare(this_checkout(), print)"
)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Planned:
    """A step. needs: those that must be done before it. of_change: whether the change is to blame where it fails."""

    name: str
    title: str
    act: Callable[[Step], None]
    needs: tuple[str, ...] = ()
    of_change: bool = True


@dataclass
class Rehearsing:
    """One rehearsal. repository: the checkout that the two programs are of. keep: leave everything as it is then."""

    repository: Path
    base: Source
    head: Source
    progress: Progress
    keep: bool = False
    results: list[StepResult] = field(default_factory=list[StepResult])
    findings: list[Finding] = field(default_factory=list[Finding])
    applied: list[Applied] = field(default_factory=list[Applied])
    load: Load | None = None

    def __post_init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="groundwork-rehearsal-")).resolve()
        self._before = Checkout("base", self.root / "base")
        self._after = Checkout("change", self.root / "change")
        # Both programs meet the same services: what plays AWS and Kubernetes is no part of what is rehearsed.
        self._bed = Bed(self.root, self._after)
        self._made: Collection[str] = ()
        self._work: work.Work | None = None
        self._traffic: Traffic | None = None
        self._started = monotonic()
        self._services = False

    def steps(self) -> tuple[Planned, ...]:
        """All of them, in their order."""
        return (
            Planned("programs", "Two checkouts", self._programs, of_change=False),
            Planned("services", "Local services, fresh", self._start, ("programs",), of_change=False),
            Planned("base", "Base: pulumi up", self._base, ("services",), of_change=False),
            Planned(
                "work", "Base: a model trained and served, a job that goes on", self._begin, ("base",), of_change=False
            ),
            Planned("change", "Change: pulumi up", self._change, ("work",)),
            Planned("preview", "Change: a second preview", self._preview, ("change",)),
            Planned("contract", "Base's ml on the change's platform", self._contract, ("change",)),
            Planned("smoke", "Change's ml: train, deploy, predict", self._smoke, ("change",)),
            Planned("rollback", "Back to the base: pulumi up", self._rollback, ("work",)),
            Planned("again", "Forward again: pulumi up", self._again, ("change", "rollback")),
            Planned("meanwhile", "Endpoint and job meanwhile", self._meanwhile, ("work",)),
            Planned("teardown", "Teardown, and what is left", self._teardown, ("base",)),
            Planned("stop", "Services stopped", self._stop, ("services",)),
        )

    def run(self) -> Rehearsal:
        """Carries it out. A step that fails is told, and those that need it are left out."""
        for planned in self.steps():
            self._carry_out(planned)
        return self.result()

    def result(self) -> Rehearsal:
        """What has been seen so far."""
        verdict = judging.verdict(self.results, self.findings)
        return Rehearsal(
            verdict=verdict,
            headline=judging.headline(verdict, self.results, self.findings),
            base=self.base.shown,
            head=self.head.shown,
            seconds=round(monotonic() - self._started, 1),
            findings=tuple(self.findings),
            applied=tuple(self.applied),
            load=self.load,
            steps=tuple(self.results),
            kept=str(self.root) if self.keep and self._services else "",
        )

    def clean_up(self, logs: Path) -> None:
        """Stops what runs and removes everything but the logs, wherever the rehearsal ended; again is harmless.

        logs: the folder that they are moved to.
        """
        if self._traffic is not None:
            self._traffic.stop()
        if self.keep and self._services:
            return
        if self._services:
            self._stop_services(lambda _: None)
        end_all(self._bed.living())
        shutil.rmtree(logs, ignore_errors=True)
        found = ((self.root / "logs", logs), (self._after.folder / ".groundwork/local/logs", logs / "services"))
        for folder, target in found:
            if folder.is_dir():
                shutil.copytree(folder, target, dirs_exist_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _carry_out(self, planned: Planned) -> None:
        done = {each.name for each in self.results if each.state is StepState.done}
        missing = [name for name in planned.needs if name not in done]
        kept = self.keep and planned.name in ("teardown", "stop")
        if missing or kept:
            why = "everything is kept (--keep)" if kept else f"`{missing[0]}` was not done"
            self._record(planned, StepState.left_out, 0.0, why)
            self.progress.say(f"  · {planned.title}: left out, {why}")
            return
        if self._traffic is not None:
            self._traffic.step = planned.name
        log = self._bed.log(planned.name)
        found_before = len(self.findings)
        begin = monotonic()
        try:
            with self.progress.step(planned.title, log=log) as step:
                planned.act(step)
                if len(self.findings) > found_before:
                    step.done("; ".join(each.text for each in self.findings[found_before:])[:200])
        except (LocalStackError, OSError) as error:
            words = error.message if isinstance(error, LocalStackError) else str(error)
            self._record(planned, StepState.failed, monotonic() - begin, words, tuple(tail(log, LOG_LINES)))
            if planned.of_change:
                text = f"{planned.title} failed: {words.splitlines()[0]}"
                self.findings.append(Finding(kind="failed", step=planned.name, text=text))
            self.progress.say("\n".join(f"      {line}" for line in str(error).splitlines()))
            return
        self._record(planned, StepState.done, monotonic() - begin, step.result)

    def _record(self, planned: Planned, state: StepState, seconds: float, said: str, log: tuple[str, ...] = ()) -> None:
        self.results.append(
            StepResult(
                name=planned.name, title=planned.title, state=state, seconds=round(seconds, 1), said=said, log=log
            )
        )

    def _programs(self, step: Step) -> None:
        said: list[str] = []
        for checkout, source in ((self._before, self.base), (self._after, self.head)):
            files = write(self.repository, source, checkout.folder)
            said.append(f"{checkout.name} {files} files")
            if shares_environment(self.repository, checkout.folder):
                share_environment(checkout.folder)
                continue
            answer = self._bed.run(checkout, ["make", "install"], log="programs", tell=step.now, shown="make install")
            if answer.status:
                raise LocalStackError(f"`make install` of the {checkout.name} failed.", log=answer.log)
            said[-1] += " and its own packages"
        step.done(", ".join(said))

    def _start(self, step: Step) -> None:
        self._services = True
        bed, host = self._bed, self._after
        up = bed.groundwork(host, "local", "up", "--until", "services", log="services", tell=step.now)
        if up.status:
            raise LocalStackError("The local services do not start.", log=up.log)
        prepared = bed.run(host, [str(host.python), "-c", PREPARE], log="services", tell=step.now, shown="prepare")
        led = bed.groundwork(host, "local", "env", "-o", "json", log="services", tell=step.now)
        if prepared.status or not led.document:
            raise LocalStackError("The local services run, and there is no stack on them.", log=prepared.log)
        self._bed = bed.led({name: str(value) for name, value in led.document.items()})
        step.done("healthy, with an empty stack")

    def _base(self, step: Step) -> None:
        engine = self._bed.engine(self._before)
        preview = applying.update(engine, self._bed.log("base"), step.now)
        self._made = applying.resources(engine)
        step.done(f"{applying.applied('change', preview, ()).counts.create} made")

    def _begin(self, step: Step) -> None:
        begun = work.begin(self._bed, self._before, log="work", tell=step.now)
        self._work = begun
        self._traffic = Traffic(begun.endpoint, asking(begun.endpoint, begun.rows, self._bed.leading))
        self._traffic.start()
        step.done(f"{begun.endpoint} serves, {begun.steady} runs")

    def _change(self, step: Step) -> None:
        self._apply(step, "change", self._after)

    def _rollback(self, step: Step) -> None:
        self._apply(step, "rollback", self._before)
        self._read_contract("rollback", step)

    def _again(self, step: Step) -> None:
        self._apply(step, "again", self._after)

    def _apply(self, step: Step, phase: Phase, program: Checkout) -> None:
        try:
            preview = applying.update(self._bed.engine(program), self._bed.log(phase), step.now)
        finally:
            self._look_at_the_job(phase)
        done = applying.applied(phase, preview, self._made)
        self.applied.append(done)
        self.findings += judging.losses(phase, done)
        step.done(in_words(done))

    def _preview(self, step: Step) -> None:
        changes = applying.would_change(self._bed.engine(self._after), self._bed.log("preview"), step.now)
        self.findings += judging.second_preview("preview", changes)
        step.done("empty")

    def _contract(self, step: Step) -> None:
        self._read_contract("contract", step)
        step.done("status, plan and predict work")

    def _read_contract(self, name: str, step: Step) -> None:
        assert self._work is not None
        wrong = work.read_contract(self._bed, self._before, self._work, log=name, tell=step.now)
        self.findings += [Finding(kind="contract", step=name, text=each) for each in wrong]

    def _smoke(self, step: Step) -> None:
        step.done(work.smoke(self._bed, self._after, log="smoke", tell=step.now))

    def _meanwhile(self, step: Step) -> None:
        self._look_at_the_job("meanwhile")
        assert self._traffic is not None
        assert self._work is not None
        self.load = self._traffic.stop()
        self.findings += judging.downtime("meanwhile", self.load)
        step.done(f"{self.load.requests} requests, {self.load.failures} without an answer; {self._work.steady} runs")

    def _look_at_the_job(self, name: str) -> None:
        """Whether the job that was begun before still runs; told once, by the step that ended it."""
        if self._work is None or any(each.kind == "job" for each in self.findings):
            return
        if ended := work.runs(client("sagemaker", self._bed.leading), self._work.steady):
            self.findings.append(Finding(kind="job", step=name, text=ended))

    def _teardown(self, step: Step) -> None:
        options = ("--yes", "--stop-jobs", "--remove-leftovers", "-o", "json")
        answer = self._bed.groundwork(self._after, "teardown", "local", *options, log="teardown", tell=step.now)
        if answer.status not in (0, 3):
            raise LocalStackError(f"`groundwork teardown` ended with exit status {answer.status}.", log=answer.log)
        if answer.status:
            found: list[dict[str, Any]] = answer.document.get("leftovers") or []
            left = [f"{each.get('kind')} {each.get('name')}" for each in found]
            names = ", ".join(left[:MOST_LEFT]) or "a kind could not be looked at"
            text = f"{len(left)} things are left over after a teardown: {names}"
            self.findings.append(Finding(kind="leftovers", step="teardown", text=text))
        step.done("nothing is left")

    def _stop(self, step: Step) -> None:
        self._stop_services(step.now)
        self._services = False
        torn_down = any(each.name == "teardown" and each.state is StepState.done for each in self.results)
        living = self._bed.living()
        if living and torn_down:
            names = ", ".join(f"{each.pid} {each.name()}" for each in living[:MOST_LEFT])
            self.findings.append(Finding(kind="leftovers", step="stop", text=f"Processes went on: {names}"))
        end_all(living)
        step.done("no process is left")

    def _stop_services(self, tell: Say) -> None:
        answer = self._bed.groundwork(self._after, "local", "stop", log="stop", tell=tell)
        if answer.status:
            tell(f"`groundwork local stop` ended with {answer.status}")


def in_words(done: Applied) -> str:
    """What an update did, in a few words."""
    counts = done.counts
    words = (
        (counts.create, "made"),
        (counts.update, "changed"),
        (counts.replace, "replaced"),
        (counts.delete, "deleted"),
        (counts.same, "unchanged"),
    )
    return ", ".join(f"{number} {word}" for number, word in words if number) or "nothing to do"
