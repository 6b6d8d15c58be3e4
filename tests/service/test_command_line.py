"""`python -m service`, in this process, with the fake model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from tests.service.fakes import BLANK, ONE, ZERO, FakeModel, opener, publish, seal

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, published: Path) -> None:
    monkeypatch.setattr("service.model.version.runtime", lambda settings: opener(FakeModel()))
    monkeypatch.setenv("DIGITS_ARTIFACTS", str(published))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name, data in {"one.png": ONE, "zero.png": ZERO, "blank.png": BLANK, "notes.txt": b"no picture"}.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_read_prints_a_line_for_each_picture(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", *(str(pictures / name) for name in ("one.png", "zero.png", "blank.png"))]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{pictures}/one.png: 1 (ok, 99.1%)",
        f"{pictures}/zero.png: 0 (ok, 99.1%)",
        f"{pictures}/blank.png: blank",
    ]


def test_read_as_json_prints_what_the_service_answers(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "--json", str(pictures / "one.png"), str(pictures / "blank.png")]) == 0
    one, blank = map(json.loads, capsys.readouterr().out.splitlines())
    assert one["file"] == f"{pictures}/one.png"
    assert one["reading"]["digit"] == 1
    assert one["reading"]["model"] == {"name": "digits", "version": 2}
    assert len(one["reading"]["probabilities"]) == 10
    assert blank["reading"]["status"] == "blank"


def test_read_tells_what_it_cannot_read_and_reads_the_others(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "empty").mkdir()
    names = ["missing.png", "notes.txt", "empty", "one.png"]
    assert main(["read", *(str(pictures / name) for name in names)]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{pictures}/one.png: 1 (ok, 99.1%)\n"
    errors = printed.err.splitlines()
    assert len(errors) == 3
    assert "missing.png: No such file or directory" in errors[0]
    assert "notes.txt: " in errors[1]
    assert "Is a directory" in errors[2]


def test_read_takes_a_folder_for_its_pictures(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "folder").mkdir()
    (pictures / "folder" / "inside.png").write_bytes(ONE)
    assert main(["read", str(pictures)]) == 0
    names = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [f"{pictures}/{name}.png" for name in ("blank", "one", "zero")]


def test_read_takes_the_next_lower_version_when_one_is_broken(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITS_ARTIFACTS", str(tmp_path / "artifacts"))
    publish(tmp_path / "artifacts", 1)
    (publish(tmp_path / "artifacts", 2) / "golden.npz").write_bytes(b"damaged")
    assert main(["read", "--json", str(pictures / "one.png")]) == 0
    printed = capsys.readouterr()
    assert "version 2 was refused: golden.npz: is damaged" in printed.err
    assert json.loads(printed.out)["reading"]["model"]["version"] == 1


def test_read_without_any_version_is_told_in_one_line(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("DIGITS_ARTIFACTS", str(tmp_path / "none"))
    assert main(["read", str(pictures / "one.png")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_verify_prints_what_was_verified(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(published / "2")]) == 0
    assert capsys.readouterr().out == (
        f"{published}/2: digits version 2 is good: 4 files, the manifest, 2 questions to the model, 3 pictures\n"
    )


@pytest.mark.parametrize("name", ["saved_model.pb", "manifest.json", "golden.npz", "report/index.html"])
def test_verify_names_a_damaged_file(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = publish(tmp_path, 1)
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    assert main(["verify", str(folder)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"digits: {folder}: {name}: is damaged")
    assert len(printed.err.splitlines()) == 1


def test_verify_names_a_graph_that_cannot_be_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = publish(tmp_path, 1)
    (folder / "saved_model.pb").write_bytes(b"broken")
    seal(folder)
    assert main(["verify", str(folder)]) == 2
    assert "saved_model.pb: cannot be loaded" in capsys.readouterr().err


def test_verify_of_no_folder_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err == f"digits: {tmp_path}/nothing: SHA256SUMS: is missing or cannot be read\n"


@pytest.mark.parametrize("arguments", [["serve"], ["read", "x.png"], ["verify", "x"], ["openapi"]])
def test_a_wrong_setting_is_told_in_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "many")
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("digits: DIGITS_WORKERS=many: ")


def test_a_wrong_flag_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "http"]) == 2
    assert capsys.readouterr().err.startswith("digits: --port=http: ")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["read"], ["verify"]])
def test_wrong_arguments_end_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m service")


def test_openapi_prints_the_document_without_loading_tensorflow() -> None:
    code = "import sys; from service.__main__ import main; main(['openapi']); assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["info"]["title"] == "Digits"
