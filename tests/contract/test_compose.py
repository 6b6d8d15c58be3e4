"""What is deployed has no more rights than it needs: the compose file, the Dockerfile and the systemd unit say so."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNIT = (ROOT / "deploy" / "digits.service").read_text()


def services() -> dict[str, str]:
    """Each service's lines, without comments."""
    lines = [line for line in COMPOSE.splitlines() if not line.lstrip().startswith("#")]
    named = re.split(r"^  (\w+):$", "\n".join(lines).partition("services:\n")[2], flags=re.M)
    return dict(zip(named[1::2], named[2::2], strict=True))


def listed(service: str, name: str) -> list[str]:
    """The entries of a list of the service."""
    found = re.search(rf"^    {name}:\n((?:      - .*\n?)+)", service, re.M)
    return [line.strip().removeprefix("- ") for line in found[1].splitlines()] if found else []


def test_the_services_are_these() -> None:
    assert set(services()) == {"digits", "train"}


@pytest.mark.parametrize("name", ["digits", "train"])
def test_a_service_has_a_read_only_root_no_capabilities_and_no_new_privileges(name: str) -> None:
    service = services()[name]
    assert re.search(r"^    read_only: true$", service, re.M)
    assert listed(service, "tmpfs") == ["/tmp"]
    assert listed(service, "cap_drop") == ["ALL"]
    assert listed(service, "security_opt") == ["no-new-privileges:true"]
    for word in ("cap_add", "privileged: true", "network_mode", "pid:", "docker.sock", "devices"):
        assert word not in service


def test_the_service_cannot_write_its_artifacts_and_has_a_limit_of_memory() -> None:
    service = services()["digits"]
    assert listed(service, "volumes") == ["./artifacts:/app/artifacts:ro"]
    assert "mem_limit" in service
    assert "user:" not in service  # the image's, which has no rights


@pytest.mark.parametrize("target", ["slim", "full"])
def test_every_image_ends_as_a_user_without_rights(target: str) -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.M)
    (stage,) = [stage for stage in stages if stage.splitlines()[0].endswith(f" AS {target}")]
    users = re.findall(r"^USER (.+)$", stage, re.M)
    assert users == ["10001"]
    assert stage.rstrip().endswith("USER 10001")


def test_the_unit_gives_no_rights() -> None:
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "NoNewPrivileges=yes"):
        assert line in UNIT.splitlines()
    assert "CapabilityBoundingSet=" in UNIT.splitlines()
