"""API keys: a file of them, which is read again when it changes, and how often each may ask."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.errors import SettingsError

MAX_FILE_BYTES = 1_000_000
MAX_PER_MINUTE = 1_000_000
LOOK_SECONDS = 1.0
"""How often the file is looked at, at most."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY = re.compile(r"[!-~]{16,256}")
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")
_ENOUGH = 1 - 1e-9  # what was promised for a second is there in that second, however it was rounded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the file. Of the key itself no more is kept than its sha256. `per_minute` None: no limit."""

    name: str
    digest: bytes
    per_minute: int | None


def parse(text: str) -> tuple[Key, ...]:
    """The keys of a file: `NAME KEY [REQUESTS-PER-MINUTE]` a line, `KEY` itself or `sha256:` and its digest in hex.

    Empty lines and those that begin with `#` say nothing. Raises `SettingsError`, which names the line and no key.
    """
    keys: list[Key] = []
    names: set[str] = set()
    digests: set[bytes] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = _parsed(line.split())
            if key.name in names or key.digest in digests:
                raise ValueError("the name or the key has a line already")
        except ValueError as error:
            raise SettingsError(f"line {number}: {error}") from None
        names.add(key.name)
        digests.add(key.digest)
        keys.append(key)
    if not keys:
        raise SettingsError("holds no key")
    return tuple(keys)


def _parsed(words: list[str]) -> Key:
    if len(words) not in (2, 3):
        raise ValueError("must be NAME KEY [REQUESTS-PER-MINUTE]")
    name, key, *rate = words
    if not _NAME.fullmatch(name):
        raise ValueError("a name is 1 to 64 of A-Z a-z 0-9 . _ -")
    if rate and not (rate[0].isascii() and rate[0].isdigit() and 1 <= int(rate[0][:9]) <= MAX_PER_MINUTE):
        raise ValueError(f"requests per minute are a number from 1 to {MAX_PER_MINUTE:,}")
    if key.startswith("sha256:"):
        if not (match := _HASH.fullmatch(key)):
            raise ValueError("after sha256: come 64 hexadecimal digits")
        digest = bytes.fromhex(match[1])
    elif _KEY.fullmatch(key):
        digest = hashlib.sha256(key.encode()).digest()
    else:
        raise ValueError("a key is 16 to 256 visible ASCII characters")
    return Key(name, digest, int(rate[0]) if rate else None)


def read(file: Path) -> tuple[Key, ...]:
    """The keys of this file. Raises `SettingsError`, which says what is wrong with it and leaves its name to the caller."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"may have {MAX_FILE_BYTES:,} bytes")
    try:
        return parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SettingsError("is not UTF-8") from None


class Keys:
    """The keys at hand. `share`: by how many such objects (worker processes) the limits are divided."""

    def __init__(self, file: Path, share: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._share = share
        self._clock = clock
        self._seen = self._look()
        self._looked = clock()
        self._buckets: dict[Key, _Bucket] = {}
        try:
            self._keys = read(file)
        except SettingsError as error:
            raise SettingsError(f"{file}: {error.detail}") from None

    def find(self, given: bytes) -> Key | None:
        """The key that was sent. Takes as long for a wrong one as for any right one."""
        self._refresh()
        digest = hashlib.sha256(given).digest()
        found = None
        for key in self._keys:
            found = key if hmac.compare_digest(key.digest, digest) else found
        return found

    def wait(self, key: Key) -> int:
        """Counts a request of this key. 0: it may ask; else after how many whole seconds it may ask again."""
        if key.per_minute is None:
            return 0
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(key.per_minute / self._share, now)
        return bucket.take(now)

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._keys = read(self._file)
        except SettingsError as error:
            log.error("the keys stay as they were: %s: %s", self._file, error.detail)
            return
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key in self._keys}
        log.info("%d API keys were read", len(self._keys))

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._file)  # noqa: PTH116  once a second, on the event loop
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class _Bucket:
    """A token bucket: a minute's requests at once, and from then on as many as come in."""

    def __init__(self, per_minute: float, now: float) -> None:
        self._per_second = per_minute / 60
        self._most = max(1.0, per_minute)
        self._tokens = self._most
        self._at = now

    def take(self, now: float) -> int:
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= _ENOUGH:
            self._tokens = max(0.0, self._tokens - 1)
            return 0
        return max(1, math.ceil((_ENOUGH - self._tokens) / self._per_second))
