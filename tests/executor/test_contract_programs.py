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


def test_input_comes_as_it_is_typed_until_it_ends(talks):
    talk = talks("/bin/cat").give(b"one\n").until(b"one\n")
    talk.give(b"two\n").until(b"two\n").give(None)
    assert (talk.end(), talk.said) == (0, b"one\ntwo\n")


def test_a_program_with_a_terminal(talks):
    script = 'test -t 0 && test -t 1 && test -t 2 && busybox stty size; echo "$TERM"; exec cat'
    talk = talks("/bin/sh", "-c", script, terminal=Terminal(columns=101, rows=33))
    talk.until(b"xterm")
    assert b"33 101" in talk.said
    talk.give(b"abc\n").until(b"abc\r\nabc\r\n")
    talk.give(b"\x04")
    assert talk.end() == 0


def test_the_size_of_a_terminal_follows_and_control_c_goes_to_the_program(talks):
    script = "trap 'exit 9' INT; while :; do busybox stty size; sleep 0.1; done"
    talk = talks("/bin/sh", "-c", script, terminal=Terminal())
    talk.until(b"24 80").give(Terminal(columns=132, rows=50)).until(b"50 132")
    talk.give(b"\x03")
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


@pytest.mark.parametrize("terminal", [None, Terminal()])
def test_who_leaves_leaves_nothing_that_runs(talks, terminal):
    script = f"{LONG} & ({LONG}; true) & echo up; exec cat"
    talk = talks("/bin/sh", "-c", script, terminal=terminal).until(b"up")
    wait_for("its programs", lambda: are_running() >= 2)
    talk.cancel.ask()
    assert talk.end() == "cancelled"
    wait_for("all of it to go", lambda: not are_running(), 5)


def test_what_a_killed_run_left_is_ended_by_its_token(real, talks):
    script = f"{LONG} & echo up; exec cat"
    talk = talks("/bin/sh", "-c", script, terminal=Terminal()).until(b"up")
    wait_for("its process to be known", lambda: len(talk.tokens) == 2)
    assert are_running()
    real.runtime.end_program(talk.tokens[-1])
    wait_for("all of it to go", lambda: not are_running(), 5)
    talk.end()
    real.runtime.end_program(talk.tokens[-1])


def test_a_program_that_does_not_read_holds_up_nobody(talks):
    talk = talks("/bin/sh", "-c", "sleep 0.3; exit 5").give(*[b"x" * 65_536] * 10)
    assert talk.end() == 5
