"""Settings come from the environment, and a wrong one is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.errors import SettingsError
from service.settings import Settings, unknown_names


def test_the_defaults_serve_the_checkout() -> None:
    settings = Settings.read()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.artifacts == Path(__file__).parents[2] / "artifacts" / "digits"
    assert (settings.max_body_bytes, settings.max_pixels, settings.max_pictures) == (10_000_000, 50_000_000, 64)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "0.0.0.0", "MAX_QUEUE": "7", "DRAIN_SECONDS": "0.5", "LOG_FORMAT": "json"}.items():
        monkeypatch.setenv(f"DIGITS_{name}", value)
    settings = Settings.read()
    assert (settings.host, settings.max_queue, settings.drain_seconds) == ("0.0.0.0", 7, 0.5)
    assert settings.log_format == "json"


def test_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_VERSION", "")
    assert Settings.read().version is None


def test_port_is_the_fallback_of_digits_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8123")
    assert Settings.read().port == 8123
    monkeypatch.setenv("DIGITS_PORT", "8124")
    assert Settings.read().port == 8124
    assert Settings.read(port="8125").port == 8125
    with pytest.raises(SettingsError, match=r"^--port=http: "):
        Settings.read(port="http")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIGITS_PORT", "http"),
        ("PORT", "70000"),
        ("DIGITS_VERSION", "latest"),
        ("DIGITS_RUNTIME", "onnx"),
        ("DIGITS_WORKERS", "0"),
        ("DIGITS_DIGEST", "abc"),
        ("DIGITS_LOG_LEVEL", "loud"),
        ("DIGITS_ROOT_PATH", "digits/"),
    ],
)
def test_a_wrong_value_is_told_in_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        Settings.read()
    assert error.value.detail.startswith(f"{name}={value}: ")
    assert "\n" not in error.value.detail


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_unknown_names_are_told_with_what_was_probably_meant() -> None:
    environ = {"DIGITS_PROT": "1", "DIGITS_COLOUR": "red", "DIGITS_PORT": "1", "DIGITS_DATA": "/data", "HOME": "/"}
    assert unknown_names(environ) == [
        "unknown setting DIGITS_COLOUR",
        "unknown setting DIGITS_PROT; did you mean DIGITS_PORT?",
    ]


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
