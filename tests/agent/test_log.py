"""One line for each thing worth knowing."""

import io
import logging
import os
import socket
import subprocess
import sys

import pytest

from skerry_agent.log import FIELDS, MAX_LINE, Journal, OneLine


def line(text, *, journal=False, level=logging.INFO, error=None):
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("x", level, "file.py", 1, text, (), info)
    return OneLine(journal=journal).format(record)


def test_the_journal_gets_a_priority_and_no_time():
    assert line("hello", journal=True) == "<6>hello"
    assert line("oh", journal=True, level=logging.ERROR) == "<3>oh"


def test_people_get_a_time_and_the_level():
    words = line("hello", level=logging.WARNING).split(" ")
    assert words[1:] == ["warning:", "hello"]
    assert words[0][:2] == "20"


def test_an_exception_is_on_the_same_line_with_its_place():
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        text = line("it broke", journal=True, error=error)
    assert "\n" not in text
    assert text.startswith("<6>it broke: ValueError: two lines (")
    assert "test_log.py:" in text


def test_nobody_can_forge_a_line_or_flood_it():
    assert line("one\n<0>two", journal=True) == "<6>one <0>two"
    assert len(line("x" * 10_000, journal=True)) <= MAX_LINE + 3


SCRIPT = """
import logging, os, sys
from skerry_agent import log
log.start(os.environ)
for number in range(3):
    logging.warning("it goes on: %d", number)
sys.exit(7)
"""
BUFFERED = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""As under systemd."""


@pytest.mark.parametrize("where", ["full disk", "closed", "nobody reads", "a file"])
def test_what_cannot_be_written_ends_nothing_and_is_no_exit_status(where, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    places = {"full disk": "/dev/full", "a file": tmp_path / "log"}
    with open(places.get(where, "/dev/null"), "wb") as file:
        closing = (lambda: os.close(2)) if where == "closed" else None
        errors = writer if where == "nobody reads" else file
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(
            command, check=False, env=BUFFERED, stderr=errors, preexec_fn=closing, timeout=30
        )
    os.close(writer)
    assert done.returncode == 7
    assert (tmp_path / "log").exists() is (where == "a file")
    if where == "a file":
        assert len((tmp_path / "log").read_text().splitlines()) == 3


@pytest.fixture
def journal(tmp_path):
    """Return the path of a socket as the journal's, and what reads an entry from it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(5)
        yield str(tmp_path / "socket"), lambda: listener.recv(65_536).decode()


def record(text, **extra):
    made = logging.LogRecord("x", logging.WARNING, "file.py", 1, text, (), None)
    made.__dict__.update(extra)
    return made


def test_the_journal_is_told_itself_with_node_and_generation(journal):
    path, read = journal
    stream = io.StringIO()
    handler = Journal(stream, path)
    handler.emit(record("before it is known"))
    assert "SKERRY_NODE" not in read()
    handler.node = "box-1"
    handler.emit(record("refused", **{FIELDS: {"generation": 7}}))
    assert read().splitlines() == [
        "SYSLOG_IDENTIFIER=skerry-agent",
        "PRIORITY=4",
        "MESSAGE=refused",
        "SKERRY_NODE=box-1",
        "SKERRY_GENERATION=7",
    ]
    assert stream.getvalue() == ""


def test_a_journal_that_is_away_or_hangs_keeps_nothing_from_being_told(journal, tmp_path):
    path, _read = journal
    stream = io.StringIO()
    for place, most in ((str(tmp_path / "none"), 1), (path, 5000)):
        handler = Journal(stream, place)
        handler.setFormatter(OneLine(journal=True))
        for _ in range(most):
            handler.emit(record("refused"))
            if stream.getvalue():
                break
        assert stream.getvalue() == "<4>refused\n", place
        stream.truncate(0)
        stream.seek(0)


def test_standard_error_that_is_no_more_the_journals_gets_lines_for_people(tmp_path):
    with open(tmp_path / "log", "wb") as file:
        environment = {**BUFFERED, "JOURNAL_STREAM": "1:2"}
        subprocess.run([sys.executable, "-c", SCRIPT], env=environment, stderr=file, timeout=30)
    assert all(" warning: " in line for line in (tmp_path / "log").read_text().splitlines())
