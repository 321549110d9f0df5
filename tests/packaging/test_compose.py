"""The documents' commands with `docker compose`: each works once the first line was followed."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from lab import compose, compose_commands, compose_course
from lab.install import ROOT
from lab.processes import LabError

README = compose_commands.README.read_text()
DOCUMENT = compose_commands.DOCUMENT.read_text()
FENCED = """\
```sh
docker compose -f packaging/hub/compose.yaml ps    # a remark
echo one
docker compose -f packaging/hub/compose.yaml up -d --build
docker compose -f packaging/hub/compose.yaml up -d
docker compose -f packaging/hub/compose.yaml exec -T hub x | age > y
```
docker compose of no block
"""


def test_a_line_is_found_by_its_last_words_or_those_before_a_pipe():
    line = "docker compose -f packaging/hub/compose.yaml"
    assert compose_commands.command("ps", FENCED) == f"{line} ps"
    assert compose_commands.command("up -d", FENCED) == f"{line} up -d"
    assert compose_commands.command("exec -T hub x", FENCED) == f"{line} exec -T hub x | age > y"
    assert compose_commands.command("ps", FENCED * 2) == f"{line} ps"
    with pytest.raises(LabError, match="0 different lines"):
        compose_commands.command("down", FENCED)
    with pytest.raises(LabError, match="2 different lines"):
        compose_commands.command("exec -T hub x", FENCED + FENCED.replace("age", "gpg"))
    with pytest.raises(LabError, match="writes no settings"):
        compose_commands.first(FENCED)


def test_the_document_has_each_line_that_the_lab_follows():
    sources = [pathlib.Path(one.__file__).read_text() for one in (compose, compose_course)]
    followed = re.findall(r'command\(\s*"([^"]+)"\s*(,?)', "".join(sources))
    assert len(followed) > 8
    for words, other in followed:
        assert compose_commands.command(words, README if other else DOCUMENT)


def test_the_readme_needs_two_commands_and_begins_as_the_document_does():
    assert len(compose_commands.lines(README)) == 2
    assert compose_commands.lines(README)[0] == compose_commands.lines(DOCUMENT)[0]
    assert len(compose_commands.lines(DOCUMENT)) > 8


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(ROOT / "packaging" / "hub", tmp_path / "packaging" / "hub")
    (tmp_path / compose.ENV_FILE).unlink(missing_ok=True)
    return tmp_path


def read(checkout):
    """Have podman-compose read the file as every one of its commands does, with no settings."""
    (line,) = {
        " ".join(shlex.split(one.partition(" && ")[2] or one)[:4])
        for one in (*compose_commands.lines(README), *compose_commands.lines(DOCUMENT))
    }
    command = [sys.executable, "-m", "podman_compose", *line.split()[2:], "config"]
    clean = {name: value for name, value in os.environ.items() if "SKERRY_" not in name}
    return subprocess.run(command, cwd=checkout, env=clean, capture_output=True, text=True)


def test_after_the_first_line_every_command_knows_the_name(checkout):
    if shutil.which("podman") is None:
        pytest.skip("podman-compose reads nothing where there is no podman")
    without = read(checkout)
    assert without.returncode != 0
    assert "SKERRY_NAME" in without.stderr
    settings, _ = compose_commands.first()
    subprocess.run(["sh", "-c", settings], cwd=checkout, check=True)
    done = read(checkout)
    assert done.returncode == 0, done.stderr
    assert "SKERRY_HUB_PUBLIC_URL: https://hub.example:8443" in done.stdout


def test_what_the_first_line_writes_is_no_file_of_the_repository():
    settings, _ = compose_commands.first()
    assert settings.endswith(f" > {compose.ENV_FILE}")
    assert str(compose.ENV_FILE) in (ROOT / ".gitignore").read_text().splitlines()
    assert compose.ENV_FILE.parent == compose.FILE.parent.relative_to(ROOT), "where compose looks"


def test_every_setting_of_the_file_is_in_the_documents_table():
    used = set(re.findall(r"\$\{(\w+)", compose.FILE.read_text()))
    table = [line for line in DOCUMENT.splitlines() if line.startswith("| `SKERRY_")]
    assert used == {name for line in table for name in re.findall(r"`(SKERRY_\w+)`", line)}
