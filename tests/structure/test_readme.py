"""The README's promises: its commands parse, its files are there."""

import re
import shlex
from pathlib import Path

import pytest

from calotype.cli import app as cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("calotype ")
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_parses(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what a user has made with them is not in the way
    cli.app.parse_args(arguments, print_error=False, exit_on_error=False)


def test_every_command_is_shown():
    assert {arguments[0] for arguments in COMMANDS} == cli.COMMANDS.keys()


def test_what_is_linked_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for recipe in re.findall(r"recipes/\S+\.toml", README):
        assert (ROOT / recipe).exists(), recipe
