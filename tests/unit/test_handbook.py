"""The operator's handbook: what is typed is in blocks that a test runs, and every command is as the others are."""

import re

import pytest
from typer.main import get_command

from operations.cli import app
from tests.guide import blocks, missing_lines, prose, samples
from tests.handbook_commands import HANDBOOK, commands, with_table

pytestmark = pytest.mark.unit
FOR_A_SHELL = {"groundwork stack env"}
"""What is printed is for `eval`."""
ALL = dict(commands())


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_an_example_of_itself(words: str):
    assert re.match(rf"Example:  .*{words}\b", ALL[words].epilog or ""), ALL[words].epilog


@pytest.mark.parametrize("words", sorted(set(ALL) - FOR_A_SHELL))
def test_every_command_prints_for_programs_too(words: str):
    assert "-o" in [option for parameter in ALL[words].params for option in parameter.opts]


def test_the_handbook_has_every_command_with_the_exit_codes_that_its_help_names():
    page = HANDBOOK.read_text()
    assert page == with_table(page), "write it again: python -m tests.handbook_commands"


def test_the_handbook_has_the_exit_codes_that_all_commands_share():
    text = " ".join((get_command(app).help or "").split())
    shared = re.search(r"Exit codes of every command: (.*?)\.", text)
    assert shared is not None
    assert shared[1] in " ".join(HANDBOOK.read_text().split())


def test_every_block_is_typed_or_is_what_the_block_above_it_prints():
    page = HANDBOOK.read_text()
    shown = {sample.line for _, sample in samples(HANDBOOK) if sample}
    assert [block.line for block in blocks(page) if block.language != "bash" and block.line not in shown] == []


def test_no_command_of_the_handbook_is_outside_of_the_blocks_that_are_run():
    assert [line for line in prose(HANDBOOK.read_text()).splitlines() if re.match(r"\s{4,}\S", line)] == []


def test_a_sample_is_found_in_what_was_printed_line_by_line_and_in_order():
    printed = "dev: 2 of 812 differ\n\n  made  bucket a-1\n  made  key\nall is there\n"
    assert missing_lines("dev: … of … differ\n  made …\nall is there\n", printed) == []
    assert missing_lines("  made  key\n  made  bucket …\n", printed) == ["  made  bucket …"]
    assert missing_lines("made  bucket\n", printed) == ["made  bucket"]
