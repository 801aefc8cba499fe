"""A rehearsal: what it finds against a change, what it leaves out after a failure, and what its report says."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from local.errors import LocalStackError
from local.progress import Progress, Step
from operations import rehearse_command
from operations.cli import app
from operations.rehearsal import judging, sources, work
from operations.rehearsal.applying import applied
from operations.rehearsal.load import Request, Traffic, seen
from operations.rehearsal.model import Finding, Load, Outage, Rehearsal, StepResult, StepState, Verdict
from operations.rehearsal.rehearse import Planned, Rehearsing
from operations.rehearsal.report import document_of, presentable
from operations.rehearsal.running import Bed, end_all
from operations.rehearsal.sources import Checkout, Source
from operations.rehearse_command import Form, exit_code, rendered
from operations.review.markdown import as_markdown
from operations.review.redaction import Redactor
from operations.review.stream import fold
from tests.unit.preview_events import BUCKET, ROLE, deleted, replaced, state, updated, urn

pytestmark = pytest.mark.unit
TOKEN = "ghp_" + "a" * 36
SCHEMA = Path(__file__).parents[2] / "operations" / "rehearsal" / "rehearsal.schema.json"


@pytest.fixture
def rehearsing(tmp_path: Path) -> Iterator[Rehearsing]:
    one = Rehearsing(tmp_path, Source("0" * 40, "base"), Source(None, "tree"), Progress(sys.stderr))
    yield one
    one.clean_up(tmp_path / "logs")


def result(name: str, status: StepState = StepState.done) -> StepResult:
    return StepResult(name=name, title=name, state=status, seconds=1.5, said="")


def rehearsal(*findings: Finding, steps: tuple[StepResult, ...] = (), load: Load | None = None) -> Rehearsal:
    verdict = judging.verdict(steps, findings)
    return Rehearsal(
        verdict=verdict,
        headline=judging.headline(verdict, steps, findings),
        base="abc",
        head="tree",
        seconds=187.0,
        findings=findings,
        steps=steps,
        load=load,
    )


def test_a_replaced_bucket_is_a_finding_and_a_replaced_role_is_none():
    events = [
        *replaced(state("store", BUCKET, {"bucket": "a"}), {"bucket": "b"}),
        *replaced(state("role", ROLE, {"name": "a"}), {"name": "b"}),
        *updated(state("other", ROLE, {"name": "a"}), {"name": "b"}),
    ]
    done = applied("change", fold(events), {urn("store", BUCKET), urn("role")})
    assert (done.counts.replace, done.counts.update) == (2, 1)
    assert [each.name for each in done.endings] == ["store", "role"]
    [finding] = judging.losses("change", done)
    assert finding.kind == "lost"
    assert "replaced aws:s3/bucket:Bucket store because of bucket; lost with it: the objects in it" in finding.text


def test_what_the_change_itself_had_made_is_no_loss_when_the_way_back_takes_it_away():
    done = applied("rollback", fold(deleted(state("new", BUCKET))), {urn("old", BUCKET)})
    assert [each.own for each in done.endings] == [True]
    assert judging.losses("rollback", done) == []
    assert judging.losses("rollback", applied("rollback", fold(deleted(state("old", BUCKET))), {urn("old", BUCKET)}))


def test_what_is_only_taken_out_of_the_state_has_not_ended():
    done = applied("change", fold(deleted(state("kept", BUCKET, retainOnDelete=True))), {urn("kept", BUCKET)})
    assert done.endings == ()


def test_failures_in_a_row_are_one_outage_which_lasts_until_the_next_answer():
    requests = [
        Request(0.0, 0.1, "change"),
        Request(0.3, 0.1, "change", "ClientError: 503"),
        Request(0.6, 0.1, "preview", "ClientError: 503"),
        Request(0.9, 0.1, "preview"),
        Request(1.2, 0.4, "again", "ConnectionError"),
    ]
    load = seen("research-flights", requests)
    assert [(each.step, each.after, each.seconds, each.requests) for each in load.outages] == [
        ("change", 0.3, 0.6, 2),
        ("again", 1.2, 0.4, 1),
    ]
    assert (load.requests, load.failures, load.median_ms) == (5, 3, 100.0)
    assert [each.kind for each in judging.downtime("meanwhile", load)] == ["downtime", "downtime"]


def test_an_endpoint_that_nobody_could_ask_was_not_up():
    assert judging.downtime("meanwhile", seen("e", []))
    assert judging.downtime("meanwhile", seen("e", [Request(0.0, 0.1, "change")])) == []


def test_traffic_records_every_failure_and_goes_on_after_it():
    asked: list[int] = []
    enough = threading.Event()

    def ask() -> object:
        asked.append(len(asked))
        if len(asked) == 4:
            enough.set()
        if len(asked) == 2:
            raise OSError("refused")
        return b"[1]"

    traffic = Traffic("e", ask, every_s=0.001)
    traffic.step = "change"
    traffic.start()
    assert enough.wait(60)
    load = traffic.stop()
    assert load.requests >= 4
    assert [(each.step, each.requests, each.error) for each in load.outages] == [("change", 1, "OSError: refused")]


def test_a_second_preview_that_finds_something_is_told_with_what_it_finds():
    assert judging.second_preview("preview", []) == []
    [finding] = judging.second_preview("preview", [f"update {ROLE} r{number}" for number in range(12)])
    assert "12 changes: update aws:iam/role:Role r0" in finding.text
    assert finding.text.endswith("and 2 more")


@pytest.mark.parametrize(
    ("steps", "findings", "verdict", "code"),
    [
        ((result("base"),), (), Verdict.well, 0),
        ((result("base"),), (Finding(kind="lost", step="change", text="x"),), Verdict.found, 3),
        (
            (result("change", StepState.failed),),
            (Finding(kind="failed", step="change", text="x"),),
            Verdict.found,
            3,
        ),
        ((result("base", StepState.failed),), (), Verdict.broken, 1),
        (
            (result("work", StepState.failed), result("stop")),
            (Finding(kind="leftovers", step="stop", text="x"),),
            Verdict.broken,
            1,
        ),
    ],
)
def test_only_a_failure_that_the_change_is_not_to_blame_for_breaks_the_rehearsal(
    steps: tuple[StepResult, ...], findings: tuple[Finding, ...], verdict: Verdict, code: int
):
    made = rehearsal(*findings, steps=steps)
    assert made.verdict is verdict
    assert exit_code(made) == code


def test_a_step_that_fails_is_told_with_its_log_and_those_that_need_it_are_left_out(
    rehearsing: Rehearsing, monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []

    def works(step: Step) -> None:
        done.append(step.title)

    def fails(_: Step) -> None:
        log = rehearsing.root / "logs" / "change.log"
        log.parent.mkdir(parents=True)
        log.write_text("error: no such subnet\n")
        raise LocalStackError("`pulumi up` failed.")

    steps = (
        Planned("base", "Base", works, of_change=False),
        Planned("change", "Change", fails, ("base",)),
        Planned("preview", "Preview", works, ("change",)),
        Planned("rollback", "Back", works, ("base",)),
        Planned("again", "Again", works, ("change", "rollback")),
    )
    monkeypatch.setattr(rehearsing, "steps", lambda: steps)
    made = rehearsing.run()
    assert done == ["Base", "Back"]
    assert [each.state.value for each in made.steps] == ["done", "failed", "left out", "done", "left out"]
    assert made.steps[1].log == ("error: no such subnet",)
    assert made.steps[2].said == "`change` was not done"
    assert (made.verdict, [each.kind for each in made.findings]) == (Verdict.found, ["failed"])
    for form in Form:
        assert "no such subnet" in rendered(made, form)


def test_the_steps_need_only_steps_before_them(rehearsing: Rehearsing):
    seen_so_far: set[str] = set()
    for planned in rehearsing.steps():
        assert set(planned.needs) <= seen_so_far
        seen_so_far.add(planned.name)


def test_a_report_shows_no_secret_no_account_number_no_folder_and_calls_nobody(tmp_path: Path):
    failed = StepResult(
        name="change",
        title="Change",
        state=StepState.failed,
        seconds=1.0,
        said=f"token {TOKEN} in {tmp_path}/change/x of 210987654321",
        log=(f"`@everybody` <b> {TOKEN} ```", f"{tmp_path}/change/infra/stack.py"),
    )
    made = rehearsal(
        Finding(kind="failed", step="change", text=f"{tmp_path} [x](https://evil.example) @you {TOKEN}"),
        steps=(failed,),
    )
    clean = presentable(made, Redactor(), tmp_path)
    for form in Form:
        text = rendered(clean, form)
        for hidden in (TOKEN, "210987654321", str(tmp_path)):
            assert hidden not in text
    markdown = rendered(clean, Form.markdown)
    assert "change/infra/stack.py" in markdown
    assert "](https" not in markdown
    assert "@you" not in markdown
    assert json.loads(rendered(clean, Form.json))["format"] == "groundwork-rehearsal/1"


def test_a_comment_of_a_thousand_outages_still_fits():
    load = seen("e", [Request(float(number), 0.1, "change", "x" * 900 * (number % 2)) for number in range(2000)])
    made = rehearsal(*judging.downtime("meanwhile", load), load=load)
    assert len(load.outages) == 1000
    assert len(as_markdown(document_of(made)).encode()) < 65_536


def test_a_program_gets_no_identity_and_no_token_of_whoever_rehearses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("AWS_PROFILE", "GITHUB_TOKEN", "PULUMI_ACCESS_TOKEN", "DB_PASSWORD"):
        monkeypatch.setenv(name, "theirs")
    program = Checkout("change", tmp_path / "change")
    variables = Bed(tmp_path, program, {"AWS_PROFILE": "groundwork-local"}).environment(program)
    assert variables["AWS_PROFILE"] == "groundwork-local"
    assert variables["PYTHONPATH"] == str(program.folder)
    assert "theirs" not in variables.values()
    assert variables["PATH"] == os.environ["PATH"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "program.py").write_text("one\n")
    (folder / ".gitignore").write_text("*.log\n")
    commit(folder, "base")
    git(folder, "checkout", "--quiet", "-b", "topic")
    (folder / "program.py").write_text("two\n")
    commit(folder, "change")
    return folder


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    command = ["git", *author, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, subject: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject)


def test_the_base_is_where_the_main_branch_was_left(repository: Path):
    base = sources.default_base(repository)
    assert base.commit == git(repository, "rev-parse", "main")
    assert sources.write(repository, base, repository.parent / "base") == 2
    assert (repository.parent / "base" / "program.py").read_text() == "one\n"


def test_the_change_is_the_working_tree_with_what_is_not_committed_and_without_what_git_ignores(repository: Path):
    (repository / "program.py").write_text("three\n")
    (repository / "new.py").write_text("new\n")
    (repository / "some.log").write_text("noise\n")
    (repository / ".gitignore").unlink()
    (repository / ".gitignore").write_text("*.log\n")
    tree = sources.working_tree(repository)
    assert "2 changed files" in tree.shown
    folder = repository.parent / "change"
    sources.write(repository, tree, folder)
    assert sorted(file.name for file in folder.iterdir()) == [".gitignore", "new.py", "program.py"]
    assert (folder / "program.py").read_text() == "three\n"


def test_a_ref_that_is_not_there_or_is_an_option_is_refused(repository: Path):
    for ref in ("nowhere", "--output=x"):
        with pytest.raises(LocalStackError, match="has no commit"):
            sources.source(repository, ref)
    assert sources.source(repository, "main").shown.startswith("main (")


def test_packages_are_shared_only_where_the_lock_is_the_same_to_the_letter(repository: Path):
    assert not sources.shares_environment(repository, repository)
    (repository / "requirements.txt").write_text("one==1\n")
    folder = repository.parent / "change"
    sources.write(repository, sources.working_tree(repository), folder)
    assert sources.shares_environment(repository, folder)
    (folder / "requirements.txt").write_text("one==2\n")
    assert not sources.shares_environment(repository, folder)


class OneJob:
    """SageMaker with one job in a state."""

    def __init__(self, **state: str):
        self._state = state

    def describe_training_job(self, TrainingJobName: str) -> dict[str, str]:  # noqa: N803 - boto3's
        if not self._state:
            error = {"Error": {"Code": "ValidationException", "Message": f"no {TrainingJobName}"}}
            raise ClientError(error, "DescribeTrainingJob")  # pyright: ignore[reportArgumentType]
        return self._state


def test_a_job_that_failed_or_is_not_there_no_longer_runs_and_it_is_said_why():
    assert work.runs(OneJob(TrainingJobStatus="InProgress"), "j") == ""
    assert work.runs(OneJob(TrainingJobStatus="Failed", FailureReason="node gone"), "j") == (
        "j no longer runs, it is Failed: node gone"
    )
    assert "no j" in work.runs(OneJob(), "j")


def test_a_command_is_kept_in_its_log_and_its_answer_is_read(tmp_path: Path):
    program = Checkout("change", tmp_path)
    bed, told = Bed(tmp_path, program), list[str]()
    script = "import sys; print('going on', file=sys.stderr); print('{\"name\": \"a\"}'); sys.exit(3)"
    answer = bed.run(program, [sys.executable, "-c", script], log="work", tell=told.append, shown="ml status")
    assert (answer.status, answer.document, told) == (3, {"name": "a"}, ["going on"])
    assert answer.log.read_text().splitlines() == ["$ ml status", "going on", '{"name": "a"}']


def test_an_interrupted_command_is_ended_with_all_that_it_has_started(tmp_path: Path):
    program = Checkout("change", tmp_path)
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    script = f"import subprocess, sys; print('up', file=sys.stderr, flush=True); {child}"

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    bed = Bed(tmp_path, program)
    with pytest.raises(KeyboardInterrupt):
        bed.run(program, [sys.executable, "-c", script], log="work", tell=interrupt, shown="ml train")
    assert bed.living() == []


def test_what_still_works_in_the_folder_is_found_and_ended(tmp_path: Path):
    program = Checkout("change", tmp_path)
    bed = Bed(tmp_path / "inside", program)
    bed.root.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"],
        cwd=bed.root,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    living = bed.living()
    assert [each.pid for each in living] == [process.pid]
    end_all(living)
    process.wait(timeout=60)
    assert bed.living() == []


def test_the_command_writes_its_forms_and_ends_with_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = rehearsal(Finding(kind="job", step="change", text="research-steady no longer runs, it is Failed"))
    monkeypatch.setattr(rehearse_command, "run", lambda base, head, keep: made)
    files = {name: tmp_path / "report" / f"rehearsal.{name}" for name in ("json", "md")}
    done = CliRunner().invoke(app, ["rehearse", "--json", str(files["json"]), "--markdown", str(files["md"])])
    assert done.exit_code == 3
    assert "a running job ended" in done.output
    assert json.loads(files["json"].read_text())["verdict"] == "found"
    assert files["md"].read_text().startswith("## 🛑 Rehearsed, and a running job ended")


def test_the_published_schema_is_the_results_and_a_result_keeps_to_it():
    published = json.loads(SCHEMA.read_text())
    assert published == Rehearsal.model_json_schema(mode="serialization"), (
        "write it: groundwork rehearse --schema > operations/rehearsal/rehearsal.schema.json"
    )
    outage = Outage(step="change", after=2.0, seconds=1.0, requests=3, error="refused")
    load = Load(
        endpoint="flights", requests=9, failures=3, seconds=4.0, median_ms=None, slowest_ms=None, outages=(outage,)
    )
    found = Finding(kind="downtime", step="change", text="1 s without an answer")
    made = rehearsal(found, steps=(result("change"), result("stop", StepState.left_out)), load=load)
    jsonschema.validate(json.loads(made.model_dump_json()), published)
    assert Rehearsal.model_validate_json(made.model_dump_json()) == made
    shown = CliRunner().invoke(app, ["rehearse", "--schema"])
    assert json.loads(shown.stdout) == published
