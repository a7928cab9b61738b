"""The documentation says what is there: links lead somewhere, verbs and make targets exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from serai.cli.main import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_verb_is_in_the_page_of_the_command_and_no_other():
    page = (ROOT / "docs" / "cli.md").read_text()
    table = page[page.index("| verb |") : page.index("## Shapes")]
    named = {word for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`(\w+)", cell)}
    assert named == set(cli.list_commands(None))


def test_every_verb_explains_itself():
    for name in cli.list_commands(None):
        assert cli.get_command(None, name).help


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", (ROOT / "README.md").read_text()):
        if target != "are":
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_dependency_is_in_the_table_of_parts():
    table = (ROOT / "docs" / "parts.md").read_text().lower()
    for project in ROOT.glob("*/**/pyproject.toml"):
        if ".venv" in project.parts:
            continue
        for requirement in tomllib.loads(project.read_text())["project"].get("dependencies", ()):
            name = re.match(r"[A-Za-z0-9-]+", requirement).group().lower()
            if not name.startswith("serai"):
                assert name in table, f"{project.relative_to(ROOT)} needs {name}, which docs/parts.md does not name"
