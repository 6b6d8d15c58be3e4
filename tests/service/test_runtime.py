"""How TensorFlow is brought in: quietly, but nothing that anybody else says is lost."""

from __future__ import annotations

import os

import pytest

from service.model import runtime


def test_only_what_tensorflow_says_of_itself_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with runtime._hushed():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"a line of the log\n")
        os.write(2, b"I0000 00:00:0 1 port.cc:153] oneDNN custom operations are on. You may see ...\n")
        os.write(2, b"and one without an end")
    os.write(2, b"; afterwards")
    assert capfd.readouterr().err == "a line of the log\nand one without an end; afterwards"


def test_what_was_said_before_an_error_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), runtime._hushed():
        os.write(2, b"a library is missing\n")
        raise ImportError
    assert capfd.readouterr().err == "a library is missing\n"
