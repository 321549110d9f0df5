"""What the executor relies on in a runtime about programs with which somebody talks."""

import contextlib
import os
import pathlib
import queue
import threading

import pytest
from tests.executor.surroundings import NAME, started

from lab.processes import wait_for
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.runtimes.base import Program
from skerry_wire.messages import Terminal


class Talk:
    """A program under way: what it wrote, how it ended, and what it is still to be given."""

    def __init__(self, runtime, *command, terminal=None):
        self.cancel, self.ended, self.tokens = Cancel(), None, []
        self._said, self._given = [], queue.SimpleQueue()
        program = Program(command, iter(self._given.get, None), terminal, self.tokens.append)
        self.thread = threading.Thread(target=self._run, args=(runtime, program))
        self.thread.start()

    def _run(self, runtime, program):
        try:
            self.ended = runtime.execute(NAME, program, self.cancel, self._said.append)
        except Cancelled:
            self.ended = "cancelled"
        finally:
            self._given.put(None)

    @property
    def said(self):
        return b"".join(one.data for one in self._said)

    def give(self, *pieces):
        for piece in pieces:
            self._given.put(piece)
        return self

    def until(self, text):
        wait_for(f"{text} in what it said", lambda: text in self.said)
        return self

    def end(self):
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.ended


@pytest.fixture
def talks(real):
    started(real.runtime)
    begun = []

    def talk(*command, **changes):
        begun.append(Talk(real.runtime, *command, **changes))
        return begun[-1]

    yield talk
    for one in begun:
        one.cancel.ask()
        one.give(None).end()


def test_somebody_talks_with_a_program(talks):
    talk = talks("/bin/cat").give(b"one\n").until(b"one\n")
    talk.give(b"two\n").until(b"two\n").give(None)
    assert (talk.end(), talk.said) == (0, b"one\ntwo\n")
    # One that ends before it has read all of its input.
    assert talks("/bin/sh", "-c", "exit 5").give(*[b"x" * 65_536] * 10).end() == 5


def test_a_program_with_a_terminal(talks):
    script = (
        # docker sizes a terminal just after the program has started.
        'sleep 0.5; test -t 0 && test -t 1 && test -t 2 && busybox stty size; echo "$TERM"; '
        "trap 'exit 9' INT; cat; while :; do busybox stty size; sleep 0.1; done"
    )
    talk = talks("/bin/sh", "-c", script, terminal=Terminal(columns=101, rows=33))
    talk.until(b"xterm")
    assert b"33 101" in talk.said
    talk.give(b"abc\n").until(b"abc\r\nabc\r\n").give(b"\x04")
    talk.give(Terminal(columns=132, rows=50)).until(b"50 132").give(b"\x03")
    assert talk.end() == 9


LONG = f"sleep {1_000_000 + os.getpid()}"
"""A program that nobody else runs on this machine."""


def are_running():
    """Count the processes of this test's; who has ended and is not waited for has no words."""
    found = 0
    for place in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += LONG.encode() in place.read_bytes().replace(b"\0", b" ")
    return found


def test_who_leaves_leaves_nothing_that_runs(real, talks):
    script = f"{LONG} & ({LONG}; true) & echo up; exec cat"
    for terminal in (None, Terminal()):
        talk = talks("/bin/sh", "-c", script, terminal=terminal).until(b"up")
        wait_for("its programs", lambda: are_running() >= 2)
        talk.cancel.ask()
        assert talk.end() == "cancelled"
        wait_for("all of it to go", lambda: not are_running(), 20)
    # A run that was killed leaves what the next one ends.
    talk = talks("/bin/sh", "-c", script, terminal=Terminal()).until(b"up")
    wait_for("its process to be known", lambda: len(talk.tokens) == 2)
    assert are_running()
    for _ in range(2):
        real.runtime.end_program(talk.tokens[-1])
        wait_for("all of it to go", lambda: not are_running(), 20)
