"""Writes man pages and completions: python3 -m manual FOLDER."""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import sys
import time

from manual import completions
from manual.commands import Command, read
from manual.pages import pages
from skerry_agent import main as agent_main
from skerry_executor import main as executor_main
from skerry_wire import __version__

PACKAGING = pathlib.Path(__file__).resolve().parents[1]
SHELLS = (
    ("bash", "{}", completions.bash),
    ("zsh", "_{}", completions.zsh),
    ("fish", "{}.fish", completions.fish),
)


def programs() -> tuple[Command, Command]:
    """Return agent and executor as their parsers have them."""
    values = {name: default for name, _, default, _ in executor_main.OPTIONS}
    agent, executor = agent_main.parser(), executor_main._parser(values)
    return read(agent), read(executor)


def main() -> int:
    """Write all files. The date on pages is that of what is built."""
    parser = argparse.ArgumentParser(prog="python3 -m manual", description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder: pathlib.Path = parser.parse_args().folder
    # How help is laid out does not depend on who builds.
    os.environ["COLUMNS"] = "80"
    since = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    moment = datetime.datetime.fromtimestamp(since, datetime.UTC).date()
    agent, executor = programs()
    man = folder / "man"
    man.mkdir(parents=True, exist_ok=True)
    for page in pages(agent, executor, PACKAGING):
        (man / page.file).write_text(page.text(__version__, moment))
    for shell, name, made in SHELLS:
        (folder / shell).mkdir(exist_ok=True)
        for program in (agent, executor):
            (folder / shell / name.format(program.name)).write_text(made(program))
    return 0


if __name__ == "__main__":
    sys.exit(main())
