"""What README and docs tell people to type, and where they send them, is there."""

import re
from pathlib import Path

import pytest

from infra.settings import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
MAKEFILE = (ROOT / "Makefile").read_text()
COMMAND = re.compile(r"(?:^|`)make ([a-z][a-z-]*)((?: +[A-Z_]+=\S*)*)", re.MULTILINE)
RECIPES = dict(re.findall(r"^([a-z][a-z-]*):[^\n]*\n((?:\t[^\n]*\n)*)", MAKEFILE, re.MULTILINE))


def commands(page):
    text = page.read_text()
    spans = [*re.findall(r"```\n(.*?)```", text, re.DOTALL), *re.findall(r"`[^`\n]+`", text)]
    return [(target, re.findall(r"([A-Z_]+)=", said)) for span in spans for target, said in COMMAND.findall(span)]


def id_of(page):
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_a_command_is_one_that_make_knows_with_what_it_is_given(page):
    everywhere = set(re.findall(r"export FEDLOG_\w+ +:= \$\(or \$\((\w+)\)", MAKEFILE))
    for target, variables in commands(page):
        assert target in RECIPES, f"make {target}"
        known = everywhere | set(re.findall(r"\$\(([A-Z_]+)\)", RECIPES[target]))
        for variable in variables:
            assert variable in known or variable.startswith("FEDLOG_"), f"make {target} {variable}="


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_a_link_within_the_project_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, target


def test_there_are_commands_to_be_looked_at():
    found = [command for page in PAGES for command in commands(page)]
    assert len(found) > 60
    assert ("replay", ["INTO", "AS_OF"]) in found
    assert isinstance(PAGES[0], Path)
