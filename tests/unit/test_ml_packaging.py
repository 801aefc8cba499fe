"""Packaging: what is left out, and bytes that depend on content alone."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from ml.errors import SpecError
from ml.packaging.ignore import Ignore
from ml.packaging.inputs import read_input
from ml.packaging.source import SourcePackage, pack_source

pytestmark = pytest.mark.unit


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(package: SourcePackage) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(package.archive)) as archive:
        return archive.getnames()


@pytest.mark.parametrize(
    ("pattern", "path", "is_folder", "ignored"),
    [
        ("*.csv", "a.csv", False, True),
        ("*.csv", "deep/in/a.csv", False, True),
        ("*.csv", "a.csv.gz", False, False),
        ("/top.txt", "top.txt", False, True),
        ("/top.txt", "in/top.txt", False, False),
        ("data/", "data", True, True),
        ("data/", "data", False, False),
        ("a/b", "a/b", False, True),
        ("a/b", "x/a/b", False, False),
        ("**/b", "x/y/b", False, True),
        ("a/**/b", "a/x/y/b", False, True),
        ("a/**/b", "a/b", False, True),
        ("logs/**", "logs/x/y", False, True),
        ("model[0-9].bin", "model7.bin", False, True),
        ("model[!0-9].bin", "model7.bin", False, False),
        ("?.txt", "ab.txt", False, False),
        ("# comment", "# comment", False, False),
        (r"\#name", "#name", False, True),
        ("", "anything", False, False),
        ("a+b(c)", "a+b(c)", False, True),
    ],
)
def test_patterns_mean_what_they_mean_in_gitignore(pattern: str, path: str, is_folder: bool, ignored: bool) -> None:
    assert Ignore([pattern]).matches(path, is_folder=is_folder) is ignored


def test_the_last_pattern_that_matches_decides() -> None:
    ignore = Ignore(["*.csv", "!keep.csv"])
    assert not ignore.matches("keep.csv", is_folder=False)
    assert ignore.matches("other.csv", is_folder=False)


def test_caches_and_version_control_never_travel() -> None:
    ignore = Ignore(["!*", "!.git/"])
    assert ignore.matches(".git", is_folder=True)
    assert ignore.matches("lib/__pycache__", is_folder=True)
    assert ignore.matches("a.pyc", is_folder=False)


def test_files_of_secrets_never_travel() -> None:
    ignore = Ignore(["!.env", "!.env.*"])
    assert ignore.matches(".env", is_folder=False)
    assert ignore.matches("config/.env.local", is_folder=False)
    assert not ignore.matches("environment.py", is_folder=False)


def test_the_ignore_file_and_the_specs_patterns_are_both_obeyed(tmp_path: Path) -> None:
    write(tmp_path, train_dot_py="1", lib__tool_dot_py="2", data__big_dot_csv="3", notes_dot_md="4")
    (tmp_path / ".mlignore").write_text("data/\n")
    assert names(pack_source(tmp_path, ["*.md"])) == [".mlignore", "lib/tool.py", "train.py"]


def test_the_same_files_make_the_same_bytes_wherever_and_whenever_they_were_written(tmp_path: Path) -> None:
    one = write(tmp_path / "one", train_dot_py="print(1)", lib__b_dot_py="b", lib__a_dot_py="a")
    other = write(tmp_path / "other", lib__a_dot_py="a", lib__b_dot_py="b", train_dot_py="print(1)")
    os.utime(other / "train.py", (1, 1))
    (other / "train.py").chmod(0o600)
    first, second = pack_source(one), pack_source(other)
    assert first.archive == second.archive
    assert first.digest == second.digest


@pytest.mark.parametrize("change", ["content", "name", "executable"])
def test_another_content_name_or_executable_bit_makes_another_digest(change: str, tmp_path: Path) -> None:
    folder = write(tmp_path, train_dot_py="print(1)")
    before = pack_source(folder).digest
    if change == "content":
        (folder / "train.py").write_text("print(2)")
    elif change == "name":
        (folder / "train.py").rename(folder / "fit.py")
    else:
        (folder / "train.py").chmod(0o755)
    assert pack_source(folder).digest != before


def test_the_archive_holds_no_time_user_or_file_name_of_this_machine(tmp_path: Path) -> None:
    package = pack_source(write(tmp_path, train_dot_py="1"))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(package.archive))) as archive:
        (member,) = archive.getmembers()
    assert (member.mtime, member.uid, member.uname, member.mode) == (0, 0, "", 0o644)
    assert package.archive[4:8] == b"\0\0\0\0"


def test_a_link_to_a_folder_is_refused_and_names_the_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = write(tmp_path / "source", train_dot_py="1")
    (folder / "shared").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpecError, match="shared is a link"):
        pack_source(folder)


def test_an_input_is_named_by_its_files_and_not_by_where_it_lies(tmp_path: Path) -> None:
    one = read_input(write(tmp_path / "one", a_dot_csv="1", in__b_dot_csv="2"))
    other = read_input(write(tmp_path / "other", in__b_dot_csv="2", a_dot_csv="1"))
    assert one.digest == other.digest
    assert [file.name for file in one.files] == ["a.csv", "in/b.csv"]


def test_an_input_may_be_one_file_and_hidden_files_stay(tmp_path: Path) -> None:
    folder = write(tmp_path, a_dot_csv="1", _dot_hidden="2")
    assert [file.name for file in read_input(folder).files] == ["a.csv"]
    assert [file.name for file in read_input(folder / "a.csv").files] == ["a.csv"]
