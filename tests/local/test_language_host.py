"""The Python language host, driven by the genuine engine on programs and a policy pack of a test's own."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.language_host.install import EXECUTABLE, ensure
from tests.local.engine_project import Project, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]

COMPONENT = """
import pulumi

class Thing(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("groundwork:test:Thing", name)
        self.register_outputs({})

Thing("thing")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path)


def test_a_host_that_came_with_the_engine_is_left_alone(tmp_path: Path) -> None:
    genuine = tmp_path / EXECUTABLE
    genuine.write_text("genuine")
    assert not ensure(tmp_path)
    assert genuine.read_text() == "genuine"


def test_our_host_is_placed_once_and_renewed_when_it_changed(tmp_path: Path) -> None:
    assert ensure(tmp_path)
    assert not ensure(tmp_path)
    module = tmp_path / f"{EXECUTABLE}.d" / "program.py"
    module.write_text("stale")
    assert ensure(tmp_path)
    assert module.read_text() != "stale"


def test_a_program_runs_with_its_config_and_its_outputs_come_back(project: Project) -> None:
    project.config({"size": "3"})
    project.write(
        COMPONENT + "import helper, os, sys\n"
        "config = pulumi.Config()\n"
        "print('printed', flush=True)\n"
        "pulumi.export('size', config.require_int('size'))\n"
        "pulumi.export('where', {'stack': pulumi.get_stack(), 'project': pulumi.get_project(), 'cwd': os.getcwd(),\n"
        "                        'python': sys.prefix, 'helper': helper.VALUE, 'argv': sys.argv})\n",
        helper="VALUE = 7",
    )
    up = project.run("up", "--yes", "--skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "printed" in up.stdout
    outputs = json.loads(project.run("stack", "output", "--json").stdout)
    assert outputs["size"] == 3
    where = outputs["where"]
    assert (where["stack"], where["project"], where["helper"]) == ("test", "probe", 7)
    assert Path(where["cwd"]) == project.folder
    assert Path(where["python"]) == Path(sys.prefix)
    assert project.run("preview", "--expect-no-changes").returncode == 0


def test_an_exception_shows_the_program_s_own_frames_alone(project: Project) -> None:
    project.write("def broken():\n    raise ValueError('boom')\n\nbroken()\n")
    preview = project.run("preview")
    assert preview.returncode != 0
    assert "ValueError: boom" in preview.stdout
    assert "in broken" in preview.stdout
    assert "runpy" not in preview.stdout
    assert "program.py" not in preview.stdout


def test_a_user_s_mistake_is_one_message_without_a_traceback(project: Project) -> None:
    project.write("import pulumi\n\nraise pulumi.RunError('groundwork:gpus must be 0 or more')\n")
    preview = project.run("preview")
    assert preview.returncode != 0
    assert "error: groundwork:gpus must be 0 or more" in preview.stdout
    assert "Traceback" not in preview.stdout
    assert "exit code" not in preview.stdout


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys\nsys.exit(7)\n", "non-zero exit code: 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "ended by signal 9 (SIGKILL)"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("def f(:\n", "SyntaxError"),
    ],
)
def test_every_other_end_is_named(project: Project, program: str, said: str) -> None:
    project.write(program)
    preview = project.run("preview")
    assert preview.returncode != 0
    assert said in preview.stdout + preview.stderr


def test_a_missing_program_and_a_missing_environment_are_said(project: Project) -> None:
    preview = project.run("preview")
    assert "There is no program at" in preview.stdout + preview.stderr
    project.write(COMPONENT)
    (project.folder / "Pulumi.yaml").write_text(
        "name: probe\nruntime:\n  name: python\n  options:\n    virtualenv: nowhere\n"
    )
    preview = project.run("preview")
    assert preview.returncode != 0
    assert "nowhere" in preview.stdout + preview.stderr
    assert "no bin/python" in preview.stdout + preview.stderr


def test_a_policy_pack_runs_through_the_host(project: Project, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text(
        f"runtime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\ndescription: test\n"
    )
    (pack / "__main__.py").write_text(
        "from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy\n\n\n"
        "def validate(args, report):\n"
        "    if args.name == 'thing':\n"
        "        report('things are not allowed')\n\n\n"
        "PolicyPack('pack', enforcement_level=EnforcementLevel.MANDATORY,\n"
        "           policies=[ResourceValidationPolicy(name='no-things', description='None.', validate=validate)])\n"
    )
    project.write(COMPONENT)
    preview = project.run("preview", "--policy-pack", str(pack))
    assert preview.returncode != 0
    assert "things are not allowed" in preview.stdout


def test_about_names_the_python_and_its_packages(project: Project) -> None:
    project.write(COMPONENT)
    about = json.loads(project.run("about", "--json").stdout)
    assert Path(about["runtime"]["executable"]).parent == Path(sys.prefix) / "bin"
    assert about["runtime"]["version"] == sys.version.split()[0]
    assert "pulumi-aws" in {each["name"].replace("_", "-") for each in about["dependencies"]}


def test_an_interrupted_engine_leaves_no_program_behind(project: Project) -> None:
    mark = project.folder / "pid"
    project.write(f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(120)\n")
    engine = subprocess.Popen(
        project.command("preview"), cwd=project.folder, env=project.environment(), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    engine.send_signal(signal.SIGKILL)
    engine.wait(10)
    pid = int(mark.read_text())
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "the program outlived the engine"
        time.sleep(0.05)
