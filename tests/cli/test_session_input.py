"""What `skerry exec -i` and `-t` send while a command runs, and how they leave the terminal."""

import base64
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios

import pytest
from tests.cli.canned import Answers, Raw, problems
from tests.cli.test_execute import EXEC
from tests.cli.test_logs import HEAD
from tests.cli.test_named_instances import listed

from lab.processes import wait_for

PUT = "/api/v1/sessions/abc/input/"


@pytest.fixture
def shop(hub):
    hub.answers["GET /api/v1/instances"] = listed
    hub.answers[EXEC] = Raw(HEAD + json.dumps({"session": "abc"}).encode() + b"\n", hold_s=30.0)
    for number in range(9):
        hub.answers[f"PUT {PUT}{number}"] = {"number": number}
    return hub


def puts(hub):
    """Return what was sent, by its number."""
    asked = [one for one in hub.asked if one.method == "PUT"]
    assert [one.path for one in asked] == [f"{PUT}{number}" for number in range(len(asked))]
    return [one.body for one in asked]


def data(text):
    return {"data": base64.b64encode(text).decode()}


def test_standard_input_is_sent_as_it_comes_and_its_end(shop, start):
    process = start("exec", "-i", "shop-web-0", "--", "cat", stdin=subprocess.PIPE)
    for number, text in enumerate(("one\n", "two\n")):
        process.stdin.write(text)
        process.stdin.flush()
        wait_for(text, lambda wanted=number + 1: len(puts(shop)) == wanted)
    process.stdin.close()
    wait_for("the end", lambda: len(puts(shop)) == 3)
    assert puts(shop) == [data(b"one\n"), data(b"two\n"), {"eof": True}]
    (asked,) = [one.body for one in shop.asked if one.method == "POST"]
    assert asked == {
        "command": ["cat"], "container": "", "within_s": 3600.0, "session": True,
    }  # fmt: skip
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


def test_input_that_has_to_wait_comes_again(shop, start):
    busy = problems(503, {"reason": "the program does not read what was typed before"})
    shop.answers[f"PUT {PUT}0"] = Answers(busy, {"number": 0})
    process = start("exec", "-i", "shop-web-0", "--", "cat", stdin=subprocess.PIPE)
    process.stdin.write("one\n")
    process.stdin.close()
    shop.wait_asked(lambda one: one.body == {"eof": True})
    sent = [(one.path, one.body) for one in shop.asked if one.method == "PUT"]
    first = f"{PUT}0", data(b"one\n")
    assert sent == [first, first, (f"{PUT}1", {"eof": True})]


def test_without_a_terminal_there_is_none_for_the_command_and_without_i_no_input(shop, start):
    process = start("exec", "-t", "shop-web-0", "--", "cat", stdin=subprocess.PIPE)
    shop.wait_asked(lambda one: one.body == {"eof": True})
    assert [one.body.get("terminal") for one in shop.asked if one.method == "POST"] == [None]
    process.send_signal(signal.SIGINT)
    assert "no terminal for it" in process.communicate(timeout=10)[1]


class Person:
    """Somebody at a terminal of 90 columns and 30 rows."""

    def __init__(self, start):
        self.ours, self.theirs = pty.openpty()
        self.resize(90)
        self.before = termios.tcgetattr(self.theirs)
        ends = dict.fromkeys(("stdin", "stdout", "stderr"), self.theirs)
        self.process = start("exec", "-it", "shop-web-0", "--", "sh", **ends)

    def resize(self, columns):
        size = struct.pack("HHHH", 30, columns, 0, 0)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)

    def end(self):
        """Return the exit status; the terminal is as it was."""
        code = self.process.wait(10)
        after = termios.tcgetattr(self.theirs)
        for end in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(end)
        assert after == self.before
        return code


def test_every_key_goes_to_the_command_and_the_size_follows(shop, start):
    person = Person(start)
    shop.wait_asked(lambda one: one.method == "POST")
    assert shop.asked[-1].body["terminal"] == {"columns": 90, "rows": 30}
    os.write(person.ours, b"\x03")
    wait_for("the key", lambda: puts(shop) == [data(b"\x03")])
    person.resize(132)
    person.process.send_signal(signal.SIGWINCH)
    wait_for("the size", lambda: {"terminal": {"columns": 132, "rows": 30}} in puts(shop))
    assert person.process.poll() is None
    person.process.send_signal(signal.SIGTERM)
    assert person.end() == 143


def test_a_refusal_leaves_the_terminal_as_it_was(shop, start):
    shop.answers[EXEC] = problems(403, {"reason": "quay does not allow exec"})
    assert Person(start).end() == 1
