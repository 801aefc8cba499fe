"""Ports of a checkout."""

import socket
from dataclasses import astuple
from pathlib import Path

import pytest

from local.supervisor.ports import BLOCK, FIRST, LAST, choose_ports, kept_ports, move_ports

pytestmark = pytest.mark.unit


def test_ports_are_chosen_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "a" / "ports.json"
    chosen = choose_ports(file)
    assert all(FIRST <= port <= LAST for port in astuple(chosen))
    with socket.create_server(("127.0.0.1", chosen.aws)):
        assert choose_ports(file) == chosen, "a service of ours that runs does not make its port another's"


def test_two_checkouts_choose_different_ports_while_neither_runs(tmp_path: Path) -> None:
    blocks = {choose_ports(tmp_path / name / "ports.json").aws // BLOCK for name in ("one", "two", "three")}
    assert len(blocks) == 3


def test_a_taken_port_is_passed_over(tmp_path: Path) -> None:
    first = choose_ports(tmp_path / "ports.json")
    (tmp_path / "ports.json").unlink()
    with socket.create_server(("127.0.0.1", first.kubernetes)):
        assert choose_ports(tmp_path / "ports.json").aws == first.aws + BLOCK or first.aws + 2 * BLOCK > LAST


def test_ports_move_when_asked_to(tmp_path: Path) -> None:
    before = choose_ports(tmp_path / "ports.json")
    after = move_ports(tmp_path / "ports.json")
    assert not set(astuple(before)) & set(astuple(after))
    assert choose_ports(tmp_path / "ports.json") == after


def test_a_file_that_cannot_be_understood_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"aws": "none"')
    assert kept_ports(tmp_path / "ports.json") is None
    assert choose_ports(tmp_path / "ports.json") == kept_ports(tmp_path / "ports.json")
