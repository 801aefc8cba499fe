"""What stands in for Docker in builds of the local stack: Dockerfiles read, checked, and made into layers."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from local.container_engine.build import build
from local.container_engine.command import main
from local.container_engine.errors import EngineError
from local.container_engine.image import Contents, digest_of, written
from local.container_engine.sbom import bill_of_materials
from ml.images.context import BUILT_IN

pytestmark = pytest.mark.unit
BASE = "registry.example.com/base@sha256:" + "a" * 64


def context(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def files_of(contents: Contents) -> dict[str, bytes]:
    return {path: file.content for path, file in contents.files.items()}


def test_copy_puts_files_folders_and_what_an_earlier_stage_had_where_docker_would(tmp_path: Path):
    at = context(tmp_path, a="1", lib__b="2", lib__deep__c="3")
    text = f"FROM {BASE} AS one\nWORKDIR /w\nCOPY a ./\nCOPY lib /x\nFROM {BASE}\nCOPY --from=one /x /y\nCOPY a /z\n"
    assert files_of(build(text, at, {})) == {"/y/b": b"2", "/y/deep/c": b"3", "/z": b"1"}
    assert files_of(build(f"FROM {BASE}\nWORKDIR /w\nCOPY a lib/* ./\n", at, {})) == {"/w/a": b"1", "/w/b": b"2"}


def test_arguments_and_variables_are_put_in(tmp_path: Path):
    text = "ARG BASE=x\nFROM ${BASE}\nARG V=1\nENV P=/opt/$V Q=${R:-r}\nLABEL v=${V}\nUSER ${V}\nWORKDIR $P\n"
    contents = build(text, tmp_path, {"BASE": BASE, "V": "2"})
    assert contents.base == BASE
    assert contents.config["Env"] == ["P=/opt/2", "Q=r"]
    assert contents.config["Labels"] == {"v": "2"}
    assert (contents.config["User"], contents.config["WorkingDir"]) == ("2", "/opt/2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file with no instructions"),
        ("RUN x\n", "Dockerfile:1: no build stage"),
        (f"FROM {BASE}\nADD a b\n", "Dockerfile:2: the stand-in does not do ADD"),
        (f"FROM {BASE}\nCOPY nothing /x\n", "Dockerfile:2: COPY nothing: not found"),
        (f"FROM {BASE}\nCOPY ../etc/passwd /x\n", "outside the build context"),
        (f"FROM {BASE}\nCOPY --from=two /a /b\n", "there is no such stage"),
        (f"FROM {BASE}\n\n# why\nRUN a \\\n  && ( b\n", "Dockerfile:4: RUN:"),
        ("ARG B\nFROM ${B}\n", "should not be blank"),
        (f'FROM {BASE}\nCMD ["a"\n', "is no JSON list"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(EngineError) as refusal:
        build(text, tmp_path, {})
    assert said in str(refusal.value)


def test_the_same_files_are_the_same_image_and_others_another(tmp_path: Path):
    text = f"FROM {BASE}\nCOPY a /a\n"
    first = written(build(text, context(tmp_path / "1", a="1"), {}), {})
    second = written(build(text, context(tmp_path / "2", a="1"), {}), {})
    third = written(build(text, context(tmp_path / "3", a="2"), {}), {})
    assert digest_of(first[0]) == digest_of(second[0]) != digest_of(third[0])
    manifest = json.loads(first[0])
    for descriptor in (manifest["config"], *manifest["layers"]):
        blob = first[1][descriptor["digest"]]
        assert (digest_of(blob), len(blob)) == (descriptor["digest"], descriptor["size"])
    with tarfile.open(fileobj=io.BytesIO(first[1][manifest["layers"][0]["digest"]])) as tar:
        assert tar.getnames() == ["a"]


@pytest.mark.parametrize("purpose", ["serving", "training"])
def test_the_platforms_own_dockerfiles_are_understood(purpose: str, tmp_path: Path):
    import zipfile

    from ml.images.context import read_context

    zipfile.ZipFile(io.BytesIO(read_context(BUILT_IN / purpose).archive)).extractall(tmp_path)
    contents = build((tmp_path / "Dockerfile").read_text(), tmp_path, {})
    assert "@sha256:" in contents.base
    assert "/opt/groundwork/requirements.txt" in contents.files
    if purpose == "serving":
        assert contents.files["/usr/local/bin/serve"].mode == 0o755
        assert "/opt/groundwork/ml/serving/__main__.py" in contents.files
        assert contents.config["Cmd"] == ["serve"]


def test_the_commands_of_a_build_work_together_and_others_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    at = context(tmp_path / "c", Dockerfile=f"FROM {BASE}\nCOPY requirements.txt /r/\n", requirements_txt="")
    (at / "requirements.txt").write_text("numpy==2.3.0 \\\n    --hash=sha256:0\nscikit-learn[x]==1.9.1 ; python\n")
    flags = ["--provenance=false", "--sbom=false", "--output", "type=docker"]
    assert main(["buildx", "build", *flags, "--tag", "r/n:1", str(at)]) == 0
    archive = tmp_path / "image.tar"
    assert main(["save", "--output", str(archive), "r/n:1"]) == 0
    components = {each["name"]: each.get("version") for each in bill_of_materials(archive)["components"]}
    assert components == {BASE: None, "numpy": "2.3.0", "scikit-learn": "1.9.1"}
    for refused, said in (
        (["compose", "up"], "does not do `docker compose up`"),
        (["buildx", "build", "--tag", "x", str(at)], "--provenance"),
        (["push", "r/n:1"], "no basic auth credentials for r"),
        (["save", "--output", str(archive), "r/n:2"], "No such image: r/n:2"),
        (["run", "--rm", "alpine", "sh"], "the stand-in runs no alpine"),
    ):
        assert main(refused) == 1
        assert said in capsys.readouterr().err
