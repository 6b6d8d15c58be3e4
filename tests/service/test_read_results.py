"""`python -m service read … --out`: a file of results, which a run that was interrupted goes on with."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from service.commands.results import Results
from service.reading.reader import Reader
from tests.service.fakes import BLANK, ONE, ZERO
from tests.service.number_fakes import ORDER, read

pytestmark = pytest.mark.usefixtures("fake_commands")


def results(out: Path) -> list[dict[str, Any]]:
    text = out.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_file_of_results_has_a_line_a_picture(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.jsonl"
    assert read("--number", "-r", folder, "--out", out) == 1
    found = results(out)
    assert [line["file"] for line in found] == [f"{folder}/{name}" for name in ORDER]
    assert [line["reading"]["text"] for line in found if "reading" in line] == ["01", "10\n011", "", "1", "0"]
    assert set(found[0]) == {"file", "reading"}
    problem = found[4]["problem"]
    assert problem["title"] == "Not a picture"
    assert problem["detail"].startswith("This is not a picture")
    printed = capsys.readouterr()
    assert printed.out == f"{out}: 6 pictures done, 1 in the file could not be read\n"
    assert printed.err.count("\n") == 1  # the bad picture; nothing counts where stderr is no terminal


def test_single_digits_can_be_written_so_too(tmp_path: Path, folder: Path) -> None:
    (folder / "one.png").write_bytes(ONE)
    (folder / "zero.png").write_bytes(ZERO)
    out = tmp_path / "results.jsonl"
    assert read(folder / "one.png", folder / "zero.png", folder / "one.png", "--out", out) == 0
    assert [line["reading"]["digit"] for line in results(out)] == [1, 0]


@pytest.mark.parametrize("half", [0, 1, 9, 60])
def test_a_run_goes_on_where_it_was_interrupted(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], half: int
) -> None:
    out = tmp_path / "results.jsonl"
    pictures: list[int] = []

    number = Reader.number

    def interrupted(reader: Reader, picture: bytes) -> Any:
        pictures.append(len(picture))
        if len(pictures) == 3:
            raise KeyboardInterrupt
        return number(reader, picture)

    monkeypatch.setattr(Reader, "number", interrupted)
    assert read("--number", "-r", folder, "--out", out) == 130
    whole = out.read_bytes()
    assert len(results(out)) == 2
    line = json.dumps({"file": f"{folder}/blank.png", "reading": {"status": "blank", "text": ""}}).encode()
    out.write_bytes(whole + line[:half])
    assert read("--number", "-r", folder, "--out", out) == 1
    assert [line["file"] for line in results(out)] == [f"{folder}/{name}" for name in ORDER]
    assert out.read_bytes().startswith(whole)
    assert len(pictures) == 3 + 4
    assert "4 pictures done, 2 were there already" in capsys.readouterr().out


def test_nothing_is_left_to_do_the_second_time(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.jsonl"
    read("--number", "-r", folder, "--out", out)
    before = out.read_bytes()
    monkeypatch.setenv("DIGITS_ARTIFACTS", str(tmp_path / "nothing"))  # not even the model is needed
    capsys.readouterr()
    assert read("--number", "-r", folder, "--out", out) == 1  # still one could not be read
    assert out.read_bytes() == before
    assert "0 pictures done, 6 were there already, 1 in the file could not be read" in capsys.readouterr().out


def test_a_picture_that_brings_the_program_down_is_one_problem(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = Reader.number

    def faulty(reader: Reader, picture: bytes) -> Any:
        if picture == BLANK:
            raise IndexError("a fault")
        return number(reader, picture)

    monkeypatch.setattr(Reader, "number", faulty)
    out = tmp_path / "results.jsonl"
    assert read("--number", folder, "--out", out) == 1
    assert results(out)[2]["problem"] == {"title": "Internal error", "detail": "IndexError"}
    printed = capsys.readouterr().err
    assert "blank.png: a fault in the program" in printed
    assert "Traceback" in printed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"my notes", "line 1 is no result; nothing was written"),
        (b'{"file": "a.png", "reading": {"text": "1"}}\nmy notes', "line 2 is no result"),
        (b'{"file": "a.png"}\n', "line 1 is no result"),
        (b'{"file": 7, "problem": {}}\n', "line 1 is no result"),
        (b'["file"]\n', "line 1 is no result"),
        (b'{"file": "a.png", "reading": {"digit": 1}}\n', "line 1 was read without --number"),
    ],
)
def test_a_file_of_something_else_is_left_as_it_is(
    tmp_path: Path, folder: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.jsonl"
    out.write_bytes(content)
    assert read("--number", folder, "--out", out) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"digits: --out={out}: {message}")
    assert len(printed.splitlines()) == 1
    assert out.read_bytes() == content


def test_two_runs_do_not_write_one_file(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results.jsonl"
    with out.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert read("--number", folder, "--out", out) == 2
    assert "is being written by another run" in capsys.readouterr().err


def test_a_full_disk_is_told_in_one_line(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Results.__init__

    def on_a_full_disk(self: Results, *given: Any, **named: Any) -> None:
        opened(self, *given, **named)
        self._file.close()
        self._file = Full()  # type: ignore[assignment]

    monkeypatch.setattr(Results, "__init__", on_a_full_disk)
    out = tmp_path / "results.jsonl"
    assert read("--number", folder, "--out", out) == 2
    assert capsys.readouterr().err == f"digits: --out={out}: No space left on device\n"


def test_a_terminal_is_shown_how_far_it_is(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    read("--number", "-r", folder, "--out", tmp_path / "results.jsonl")
    shown = terminal.getvalue()
    assert "\r1 of 6, " in shown
    assert "\r\033[Kdigits: " in shown  # what is told is not written over
    assert shown.endswith("\r\033[K")
