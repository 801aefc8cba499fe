"""The ML engineer's guide: what is typed is in blocks that a test runs, and what is quoted is valid."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from ml.cli import app
from ml.spec.model import JobSpec
from tests.guide import as_script, blocks, outputs, prose

pytestmark = pytest.mark.unit
GUIDE = Path(__file__).parents[2] / "docs" / "ml-engineers.md"


def test_every_block_is_of_a_kind_that_a_test_looks_at() -> None:
    assert {block.language for block in blocks(GUIDE.read_text())} <= {"bash", "yaml", "python", "text"}


def test_no_command_is_shown_outside_of_the_blocks_that_are_run() -> None:
    lines = prose(GUIDE.read_text()).splitlines()
    assert [line for line in lines if re.match(r"\s{4,}\S", line)] == []


def test_every_subcommand_is_in_the_guide() -> None:
    commands = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    text = GUIDE.read_text()
    assert [name for name in commands if f"ml {name}" not in text] == []


def test_quoted_parts_of_a_spec_have_fields_that_specs_have() -> None:
    fields = {field.alias or name for name, field in JobSpec.model_fields.items()}
    for block in blocks(GUIDE.read_text()):
        if block.language == "yaml" and not block.text.startswith("# expectations.yaml"):
            assert set(yaml.safe_load(block.text)) <= fields, f"line {block.line}"


def test_blocks_run_in_one_shell_and_the_one_that_fails_is_known() -> None:
    import subprocess

    page = "Say\n\n```bash\nwhere=here\n```\nand\n```bash\necho $where\nfalse\n```\n```bash\necho never\n```\n"
    typed = blocks(page)
    done = subprocess.run(["bash", "-c", as_script(typed)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert outputs(done.stdout, typed) == {4: "", 8: "here\n"}


def test_what_runs_until_ctrl_c_is_asked_for_its_page_and_ended(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    (tmp_path / "ml").write_text(
        f"#!{sys.executable}\n"
        "import http.server\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "print(f'Open http://127.0.0.1:{server.server_port}/ until Ctrl-C', flush=True)\n"
        "try:\n    server.serve_forever()\nexcept KeyboardInterrupt:\n    print('ended')\n"
    )
    (tmp_path / "ml").chmod(0o755)
    typed = blocks("```bash\nml board a/1\n```\n```bash\necho on\n```\n")
    variables = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", as_script(typed)], env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Open http://" in done.stdout
    assert outputs(done.stdout, typed)[5] == "on\n"
