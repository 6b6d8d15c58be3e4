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
    text = re.split(r"^(?=\S)", "\n".join(lines).partition("services:\n")[2], flags=re.M)[0]
    named = re.split(r"^  (\w+):$", text, flags=re.M)
    return dict(zip(named[1::2], named[2::2], strict=True))


def listed(service: str, name: str) -> list[str]:
    """The entries of a list of the service."""
    found = re.search(rf"^    {name}:\n((?:      - .*\n?)+)", service, re.M)
    return [line.strip().removeprefix("- ") for line in found[1].splitlines()] if found else []


def test_the_services_are_these() -> None:
    assert set(services()) == {"digits", "train", "prometheus", "grafana"}


def test_only_the_service_starts_without_a_profile() -> None:
    profiles = {name: listed(service, "profiles") for name, service in services().items()}
    assert profiles == {"digits": [], "train": ["train"], "prometheus": ["observe"], "grafana": ["observe"]}


@pytest.mark.parametrize("name", ["digits", "train", "prometheus", "grafana"])
def test_a_service_has_a_read_only_root_no_capabilities_and_no_new_privileges(name: str) -> None:
    service = services()[name]
    assert re.search(r"^    read_only: true$", service, re.M)
    own = ["/var/lib/grafana:uid=472,mode=700"] if name == "grafana" else []
    assert listed(service, "tmpfs") == ["/tmp", *own]
    assert listed(service, "cap_drop") == ["ALL"]
    assert listed(service, "security_opt") == ["no-new-privileges:true"]
    for word in ("cap_add", "privileged: true", "network_mode", "pid:", "docker.sock", "devices"):
        assert word not in service


def test_the_service_cannot_write_its_artifacts_and_has_a_limit_of_memory() -> None:
    service = services()["digits"]
    assert listed(service, "volumes") == ["./artifacts:/app/artifacts:ro"]
    assert "mem_limit" in service
    assert "user:" not in service  # the image's, which has no rights


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_what_observes_is_pinned_limited_and_on_loopback_alone(name: str) -> None:
    service = services()[name]
    assert re.search(r"^    image: [a-z]+/[a-z]+:v?\d+\.\d+\.\d+$", service, re.M)
    assert re.search(r"^    mem_limit: \d+m$", service, re.M)
    ports = [port.strip('"') for port in listed(service, "ports")]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for volume in listed(service, "volumes"):
        source, _, mode = volume.split(":") if volume.count(":") == 2 else (*volume.split(":"), "")
        if source.startswith("."):
            assert mode == "ro", volume
            assert (ROOT / source).is_file(), volume
        else:
            assert re.search(rf"^volumes:\n(?:  .*\n)*  {source}:$", COMPOSE, re.M), volume


def test_prometheus_is_given_the_files_that_it_is_told_of() -> None:
    service = services()["prometheus"]
    mounted = {volume.split(":")[1] for volume in listed(service, "volumes")}
    told = [word.partition("=")[2] for word in listed(service, "command") if "config.file" in word or "path" in word]
    settings = (ROOT / "deploy" / "observe" / "prometheus.yml").read_text()
    told += re.findall(r"^  - (/\S+)$", settings, re.M)
    assert len(told) == 3
    assert set(told) == mounted
    (target,) = re.findall(r"targets: \[\"(\w+):(\d+)\"\]", settings)
    assert target[0] in services()
    assert services()[target[0]].count(f':{target[1]}"') == 1


def test_grafana_shows_the_dashboard_and_lets_nobody_in() -> None:
    service = services()["grafana"]
    places = [volume.split(":")[1] for volume in listed(service, "volumes")]
    given = dict(line.split("=", 1) for line in listed(service, "environment"))
    assert given["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in places
    folder = re.findall(r"path: (\S+)", (ROOT / "deploy/observe/grafana/dashboards.yml").read_text())
    assert [place for place in places if place.startswith(folder[0] + "/")]
    assert given["GF_AUTH_BASIC_ENABLED"] == "false"
    assert given["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert given["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


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
