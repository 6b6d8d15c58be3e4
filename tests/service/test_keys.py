"""The file of API keys: its lines, how it is read again, and how often a key may ask."""

from __future__ import annotations

import hashlib
import hmac
import logging
from pathlib import Path

import pytest

from service.errors import SettingsError
from service.keys import Key, Keys, parse
from service.settings import Settings

SECRET = "correct-horse-battery"
OTHER = "another-horse-battery"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "keys", f"alice {SECRET}\n")


def write(file: Path, text: str) -> Path:
    """As whoever rotates keys should: at once."""
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)
    return file


def test_a_file_holds_keys_their_digests_limits_and_comments() -> None:
    digest = hashlib.sha256(OTHER.encode())
    keys = parse(f"# ours\n\nalice {SECRET}\n  bob\tsha256:{digest.hexdigest().upper()}  60 \n#carol {'x' * 20}\n")
    assert keys == (
        Key("alice", hashlib.sha256(SECRET.encode()).digest(), None),
        Key("bob", digest.digest(), 60),
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("alice", "NAME KEY"),
        (f"alice {SECRET} 60 more", "NAME KEY"),
        (f"al/ice {SECRET}", "a name is"),
        (f"{'a' * 65} {SECRET}", "a name is"),
        ("alice short", "16 to 256"),
        (f"alice {SECRET}ä", "16 to 256"),
        (f"alice sha256:{'0' * 63}", "64 hexadecimal digits"),
        (f"alice {SECRET} 0", "from 1 to"),
        (f"alice {SECRET} -1", "from 1 to"),
        (f"alice {SECRET} {'9' * 5000}", "from 1 to"),
        (f"alice {SECRET} ²", "from 1 to"),
        (f"bob {SECRET}", "already"),
        (f"bob {OTHER}", "already"),
        (f"eve sha256:{hashlib.sha256(OTHER.encode()).hexdigest()}", "already"),
    ],
)
def test_a_malformed_line_is_named_and_not_shown(line: str, told: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse(f"# keys\nbob {OTHER}\n{line}\n")
    assert error.value.detail.startswith("line 3: ")
    assert told in error.value.detail
    assert SECRET not in error.value.detail
    assert OTHER not in error.value.detail


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no key"),
        (b"# nobody\n\n", "holds no key"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"alice short\n", "line 1: "),
        (b"#" * 1_000_001, "may have 1,000,000 bytes"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, told: str
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("DIGITS_API_KEYS_FILE", str(file))
    with pytest.raises(SettingsError) as error:
        Settings.read()
    assert error.value.detail.startswith(f"DIGITS_API_KEYS_FILE={file}: {told}")
    with pytest.raises(SettingsError) as error:
        Keys(file)
    assert error.value.detail.startswith(f"{file}: {told}")


def test_a_key_is_found_by_itself_alone(file: Path) -> None:
    keys = Keys(file)
    found = keys.find(SECRET.encode())
    assert found is not None
    assert found.name == "alice"
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    for wrong in (b"", b"alice", SECRET[:-1].encode(), SECRET.encode() + b"x", b"sha256:" + digest.encode()):
        assert keys.find(wrong) is None


def test_every_key_is_compared_whichever_was_sent(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [f"secret-number-{number:04d}" for number in range(20)]
    keys = Keys(write(file, "".join(f"{secret} {secret}\n" for secret in secrets)))
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for given in (secrets[0], secrets[-1], "none of them at all"):
        compared.clear()
        keys.find(given.encode())
        assert len(compared) == len(secrets)
        assert {len(part) for pair in compared for part in pair} == {32}


def test_a_changed_file_is_read_again_once_a_second(file: Path, clock: Clock) -> None:
    keys = Keys(file, clock=clock)
    write(file, f"bob {OTHER}\n")
    clock.now += 0.9
    assert keys.find(SECRET.encode())
    clock.now += 0.2
    assert keys.find(SECRET.encode()) is None
    assert keys.find(OTHER.encode())


@pytest.mark.parametrize("broken", [f"bob {OTHER}\nalice\n", "", None])
def test_a_broken_change_keeps_the_old_keys_and_is_logged_once(
    file: Path, clock: Clock, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    keys = Keys(file, clock=clock)
    if broken is None:
        file.unlink()
    else:
        write(file, broken)
    for _ in range(3):
        clock.now += 2
        assert keys.find(SECRET.encode())
        assert keys.find(OTHER.encode()) is None
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(file) in record.getMessage()
    assert OTHER not in caplog.text
    write(file, f"bob {OTHER}\n")
    clock.now += 2
    assert keys.find(OTHER.encode())


def test_a_key_may_ask_so_often_and_is_told_the_truth_about_when_again(file: Path, clock: Clock) -> None:
    keys = Keys(write(file, f"alice {SECRET} 7\n"), clock=clock)
    key = keys.find(SECRET.encode())
    assert key is not None
    assert [keys.wait(key) for _ in range(7)] == [0] * 7
    for _ in range(50):
        seconds = keys.wait(key)
        assert seconds == 9  # 60 / 7, in whole seconds
        clock.now += seconds - 1
        assert keys.wait(key) == 1
        clock.now += 1
        assert keys.wait(key) == 0
        clock.now -= 9 - 60 / 7  # what was waited too long must not add up
    clock.now += 3600
    assert [keys.wait(key) for _ in range(8)] == [0] * 7 + [9]


def test_several_workers_share_the_limit(file: Path, clock: Clock) -> None:
    write(file, f"alice {SECRET} 10\n")
    allowed = 0
    for keys in [Keys(file, share=4, clock=clock) for _ in range(4)]:
        key = keys.find(SECRET.encode())
        assert key is not None
        allowed += sum(keys.wait(key) == 0 for _ in range(20))
    assert allowed <= 10


def test_a_change_elsewhere_in_the_file_gives_nobody_a_new_minute(file: Path, clock: Clock) -> None:
    keys = Keys(write(file, f"alice {SECRET} 1\n"), clock=clock)
    key = keys.find(SECRET.encode())
    assert key is not None
    assert [keys.wait(key), keys.wait(key)] == [0, 60]
    write(file, f"alice {SECRET} 1\nbob {OTHER}\n")
    clock.now += 2
    key = keys.find(SECRET.encode())
    assert key is not None
    assert keys.wait(key) == 58
