"""Man pages and completions say what the programs take, and real readers take them."""

import re
import shutil
import subprocess
import sys

import pytest

from manual import completions, roff, settings
from manual.__main__ import PACKAGING, main, programs
from manual.commands import every
from manual.pages import pages

AGENT, EXECUTOR = programs()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manual")
    before, sys.argv = sys.argv, ["manual", str(folder)]
    try:
        assert main() == 0
    finally:
        sys.argv = before
    return folder


def test_every_command_and_every_file_has_a_page(written):
    there = {path.name for path in (written / "man").iterdir()}
    assert there == {
        *(f"{one.page}.1" for one in every(AGENT)),
        "skerry-executor.8",
        "skerry-agent.toml.5",
        "skerry-policy.toml.5",
    }
    assert "skerry-agent-check.1" in there


def test_a_page_has_every_option(written):
    for command in every(AGENT):
        text = (written / "man" / f"{command.page}.1").read_text().replace("\\-", "-")
        for option in command.options:
            assert option.flags[-1] in text or command is AGENT, (command.name, option.flags)
    text = (written / "man" / "skerry-executor.8").read_text().replace("\\-", "-")
    for command in every(EXECUTOR):
        assert all(one.flags[-1] in text for one in command.options)
        assert f'.SS "{command.words[-1]}"' in text or command is EXECUTOR


@pytest.mark.parametrize("command", [*every(AGENT)], ids=lambda one: one.page)
def test_a_page_gives_exit_statuses_once_and_all_of_them(written, command):
    text = (written / "man" / f"{command.page}.1").read_text().replace("\\-", "-")
    assert len(re.findall(r"^exit status\b.*:", text, re.M)) == 1
    has_three = command.words[-1] in ("join", "renew")
    assert ("\n3 the hub could not be reached" in text) == has_three


@pytest.mark.parametrize("name", ["agent", "policy"])
def test_the_page_of_a_file_has_every_key_with_words(name):
    text = (PACKAGING / f"{name}.toml").read_text()
    found = settings.read(text)
    lines = re.findall(r"^(?:# )?([a-z_]+) = ", text, re.M)
    assert [one.name for one in found.keys if one.name in lines] == lines
    assert [*found.tables] == re.findall(r"^(?:# )?\[([a-z]+)\]$", text, re.M)
    assert found.words
    worded = [one for one in found.keys if one.words]
    assert len(worded) >= len(found.keys) * 0.6


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_a_reader_of_man_pages_has_nothing_to_say(written):
    for path in sorted((written / "man").iterdir()):
        command = ["groff", "-man", "-Tutf8", "-P-cbu", "-ww", "-K", "utf8", path]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), path.name
        assert "NAME" in done.stdout


def test_no_text_of_a_program_is_a_request():
    assert roff.escaped(".so /etc/shadow\n'x\n\\fB-y") == "\\&.so /etc/shadow\n\\&'x\n\\efB\\-y"
    assert roff.quoted('a "b"') == '"a ""b"""'


def test_pages_depend_on_nothing_but_what_is_built(written, tmp_path):
    again = pages(AGENT, EXECUTOR, PACKAGING)
    for page in again:
        text = (written / "man" / page.file).read_text()
        assert page.body in text


def completed(words):
    """Return what bash offers for the last word."""
    script = completions.bash(AGENT) + (
        "compopt() { COMPREPLY=(FILES); }\n"
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skerry_agent; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["skerry-agent", "sta"], ["status"]),
        (["skerry-agent", "status", "--o"], ["--output"]),
        (["skerry-agent", "status", "--output", ""], ["text", "json"]),
        (["skerry-agent", "status", "--j"], []),
        (["skerry-agent", "label", "un"], ["unset"]),
        (["skerry-agent", "label", "--state", ""], ["FILES"]),
        (["skerry-agent", "run", "--heartbeat-s", ""], []),
        (["skerry-agent", "capability", "--no"], []),
    ],
)
def test_bash_completes(words, offered):
    assert completed(words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_file(shell, written):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for path in (written / shell).iterdir():
        done = subprocess.run([shell, "-n", path], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), path.name


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(written):
    path = written / "fish" / "skerry-agent.fish"
    script = f"source {path}; complete -C 'skerry-agent label u'"
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["unset"]


def test_what_the_programs_need_to_run_is_not_needed_to_build(tmp_path):
    paths = [str(PACKAGING.parent / name) for name in ("wire", "agent", "packaging")]
    script = (
        f"import sys, runpy; sys.path[:0] = {paths}; runpy.run_module('manual', None, '__main__')"
    )
    command = [sys.executable, "-I", "-S", "-B", "-c", script, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "man" / "skerry-agent.1").exists()
