"""`skerry exec -it` as a person types it, on real parts; and what is left when one of them dies."""

import contextlib
import fcntl
import os
import pathlib
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest
from tests.e2e.test_requests import POLICY, Attacker

from lab.processes import wait_for
from skerry_wire import codec
from skerry_wire.messages import Request

pytestmark = pytest.mark.e2e

NAME = "shop-web-0"
LONG = f"sleep {2_000_000 + os.getpid()}"
"""What nobody else runs on this machine."""
SHELL = f"{LONG} & echo $((40+2)) up; exec /bin/sh"


def are_running():
    """Count what of the shells' programs runs; who has ended and is not waited for has no words."""
    found = 0
    for place in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += place.read_bytes().replace(b"\0", b" ").startswith(LONG.encode())
    return found


class Person:
    """Somebody at a terminal of 100 columns and 30 rows who runs `skerry exec -it`."""

    def __init__(self, fleet, *command):
        self.ours, theirs = pty.openpty()
        self.resize(30, 100)
        self.before = termios.tcgetattr(theirs)
        words = [sys.executable, "-m", "skerry_cli", "exec", "-it", NAME, "--", *command]
        environment = {**os.environ, "SKERRY_HUB": fleet.hub.url}
        self.process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, process_group=0
        )
        self.theirs = theirs
        self.seen = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.ours, 4096):
                self.seen += data

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, data):
        os.write(self.ours, data)
        return self

    def until(self, text, timeout=20):
        wait_for(f"{text} on the screen, not {self.seen}", lambda: text in self.seen, timeout)
        return self

    def end(self):
        """Return the exit status; the terminal is as it was before."""
        code = self.process.wait(20)
        assert termios.tcgetattr(self.theirs) == self.before
        os.close(self.theirs)
        return code


@pytest.fixture
def shop(fleet):
    fleet.box.allow(POLICY)
    fleet.apply("shop")
    wait_for("the policy to be known", lambda: tried(fleet).returncode == 0)
    return fleet


def tried(fleet):
    return fleet.hub.cli("exec", NAME, "--", "/bin/true", check=False)


def test_a_person_at_a_terminal(shop):
    person = Person(shop, "/bin/sh", "-c", "busybox stty size; exec /bin/sh").until(b"30 100")
    person.type(b"echo $((40+2))\r").until(b"42\r\n")
    shop_resized(person)
    person.type(b"sleep 100\r")
    time.sleep(0.5)
    person.type(b"\x03").type(b"echo $((50+5))\r").until(b"55\r\n")
    person.type(b"exit 7\r")
    assert person.end() == 7
    pipe_through(shop)
    what_a_broker_sees_and_can_do(shop)


def shop_resized(person):
    person.resize(50, 132)
    os.kill(person.process.pid, signal.SIGWINCH)
    time.sleep(0.5)
    person.type(b"busybox stty size\r").until(b"50 132")


def pipe_through(shop):
    """A megabyte and its end, through `cat`; the exit status is the command's."""
    data = os.urandom(2**20)
    words = [sys.executable, "-m", "skerry_cli", "exec", "-i", NAME, "--"]
    environment = {**os.environ, "SKERRY_HUB": shop.hub.url}
    command = [*words, "/bin/sh", "-c", "cat; exit 5"]
    done = subprocess.run(command, input=data, capture_output=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout == data) == (5, True), done.stderr


def what_a_broker_sees_and_can_do(shop):
    attacker = Attacker(shop.broker.port, shop.box.node)
    try:
        for tamper in (lambda one: one, lambda one: bytes(8) + one[8:], lambda _: b"rm -rf /\r"):
            person = Person(shop, "/bin/sh", "-c", SHELL).until(b"42 up")
            person.type(b"echo secret-$((60+6))\r").until(b"secret-66")
            heard = attacker.said("input")
            piece = tamper(heard.envelope)
            topic = f"skerry/v1/nodes/{shop.box.node}/request/input"
            if piece == heard.envelope:
                # Brought again: nothing happens, and the session goes on.
                attacker._client.publish(topic, codec.encode(heard), qos=1).wait_for_publish(5)
                person.type(b"exit 3\r")
                assert person.end() == 3
                assert person.seen.count(b"secret-66") == 1
                for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                    with contextlib.suppress(OSError):
                        if line.read_bytes().replace(b"\0", b" ").startswith(LONG.encode()):
                            os.kill(int(line.parent.name), signal.SIGKILL)
                continue
            # A number far ahead, so that it is not taken for an old one.
            piece = (2**40).to_bytes(8, "big") + piece[8:]
            forged = Request(id=heard.id, verb="input", envelope=piece)
            attacker._client.publish(topic, codec.encode(forged), qos=1).wait_for_publish(5)
            assert person.end() == 1
            assert b"its input cannot be taken" in person.seen
            wait_for("the shell to go", lambda: not are_running(), 10)
        seen = b"".join(one.body for one in attacker.replies.values())
        assert b"secret" not in seen + heard.envelope
    finally:
        attacker.close()


def test_no_shell_outlives_a_part_that_is_killed(shop):
    """Without the hub, whose silence ends a session only after a minute: see the unit tests."""
    for part in ("client", "executor", "agent", "broker"):
        if part == "broker":
            shop.box.start_agent()
            wait_for("the box to take sessions", lambda: tried(shop).returncode == 0)
        person = Person(shop, "/bin/sh", "-c", SHELL).until(b"42 up")
        assert are_running() == 1, part
        kill(shop, person, part)
        wait_for(f"the shell to go with the {part}", lambda: not are_running(), 10)
        assert part == "client" or person.end() == 1
        person.process.wait(10)


def kill(shop, person, part):
    match part:
        case "client":
            person.process.kill()
        case "agent":
            shop.box.agent.kill()
        case "executor":
            run = next(
                int(stat.parent.name) for stat in pathlib.Path("/proc").glob("[0-9]*/stat")
                if parent_of(stat) == shop.box.executor.pid
            )  # fmt: skip
            os.kill(run, signal.SIGKILL)
        case "broker":
            shop.broker.kill()


def parent_of(stat):
    with contextlib.suppress(OSError):
        return int(stat.read_text().rpartition(")")[2].split()[1])
    return None
