"""`python -m service read --number` and `-r`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.service.number_fakes import read

pytestmark = pytest.mark.usefixtures("fake_commands")


def test_numbers_are_printed_a_line_a_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read("--number", folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/a.png: 01 (ok, 98.2%)",
        f"{folder}/b.png: 10 / 011 (ok, 95.6%)",
        f"{folder}/blank.png: blank",
    ]


def test_numbers_as_json_are_what_the_service_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read("--number", "--json", folder / "b.png", folder / "deep" / "deeper") == 1
    printed = capsys.readouterr()
    two, none = map(json.loads, printed.out.splitlines())
    assert two["file"] == f"{folder}/b.png"
    assert two["reading"]["text"] == "10\n011"
    assert two["reading"]["model"] == {"name": "digits", "version": 2}
    assert set(two["reading"]) == {"status", "text", "lines", "confidence", "model", "explanation"}
    assert none["reading"]["text"] == "0"
    assert "bad.png: This is not a picture" in printed.err


def test_folders_in_folders_are_read_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    assert read("-r", folder / "deep", folder / "empty") == 1
    printed = capsys.readouterr()
    names = [line.split(":")[0] for line in printed.out.splitlines()]
    assert names == [f"{folder}/deep/c.png", f"{folder}/deep/deeper/d.PNG"]
    assert "empty: Is a directory" in printed.err


def test_folders_in_folders_can_be_written_as_the_model_sees_them(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deep" / "deeper" / "bad.png").unlink()
    assert read("-r", folder, "--npz", tmp_path / "out.npz") == 0
    assert "4 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--number", "--npz", "out.npz"], "--number: does not go with --npz"),
        (["--out", "{folder}/none/results.jsonl"], "results.jsonl: No such file or directory"),
        (["--out", "{folder}"], "is no regular file"),
        (["--out", "/dev/zero"], "is no regular file"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(folder, *(word.format(folder=folder) for word in words)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may look everywhere")
def test_a_folder_that_may_not_be_looked_into_fails_on_its_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deep").chmod(0)
    try:
        assert read("-r", folder) == 1
    finally:
        (folder / "deep").chmod(0o700)
    assert f"{folder}/deep: " in capsys.readouterr().err
