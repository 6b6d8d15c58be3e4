"""The documentation is held to the code."""

import re
import tomllib
from pathlib import Path

from service.keys import parse
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_of_settings_is_complete_and_right() -> None:
    rows = re.findall(r"^\| `DIGITS_(\w+)` \| (.*?) \| (.*?) \|$", (ROOT / "docs/settings.md").read_text(), re.M)
    documented = {name.lower(): (default, text) for name, default, text in rows}
    assert list(documented) == list(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default, text = documented[name]
        assert text == field.description
        if name != "artifacts":
            assert default == ("" if field.default in (None, "") else f"`{field.default}`"), name


def test_every_dependency_earns_its_place_in_a_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [line for lines in project["project"]["optional-dependencies"].values() for line in lines]
    lines = [*project["project"]["dependencies"], *extras, *project["dependency-groups"]["dev"]]
    declared = [re.split(r"[^A-Za-z0-9-]", line)[0] for line in lines]
    assert {"fastapi", "tensorflow", "ai-edge-litert"} <= set(declared)
    text = (ROOT / "docs/dependencies.md").read_text()
    # An extra may ask for others of the project's own.
    named = [name for name in declared if name != "digits" and not name.startswith("types-")]
    missing = [name for name in named if name not in text]
    assert missing == []


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_readmes_make_commands_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    named = re.findall(r"(?:`|^    )make ([a-z]+)", (ROOT / "README.md").read_text(), re.M)
    assert named
    assert set(named) <= set(targets)


def test_every_threat_is_covered_by_tests_that_exist() -> None:
    threats = (ROOT / "SECURITY.md").read_text().partition("## Threats")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in threats.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 15
    for row in rows:
        assert len(row) == 3, row
        files = re.findall(r"`(tests/\S+\.py)`", row[2])
        assert files, row
        assert all((ROOT / file).exists() for file in files), row


def test_what_is_installed_is_locked_with_hashes() -> None:
    for name in ("requirements.txt", "requirements-slim.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        locked = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
        assert locked
        assert all("==" in package and "--hash=sha256:" in package for package in locked), name
    assert "--require-hashes" in (ROOT / "deploy" / "install.sh").read_text()
    assert "--require-hashes" in (ROOT / "Makefile").read_text()


def test_the_example_of_a_file_of_keys_is_one() -> None:
    text = (ROOT / "docs/settings.md").read_text().partition("## API keys")[2]
    example = "\n".join(re.findall(r"^    (.+)$", text, re.M))
    assert [(key.name, key.per_minute) for key in parse(example)] == [("forms", 600), ("nurse", None)]
