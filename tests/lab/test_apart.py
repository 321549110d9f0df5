"""A program apart: the kernel ends all that it started, and nothing of it stays."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from lab import apart
from lab.processes import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make namespaces")

UNTIDY = """
import os, pathlib, subprocess, sys
folder = pathlib.Path(os.environ["TMPDIR"])
(folder / "disk").mkdir()
subprocess.run(["mount", "-t", "tmpfs", "none", folder / "disk"], check=True)
subprocess.run(["ip", "link", "add", "apart0", "type", "bridge"], check=True)
subprocess.Popen(["setsid", "sleep", sys.argv[1]])
pathlib.Path(sys.argv[2]).write_text(str(folder))
sys.exit(7)
"""
ENDLESS = """
import os, sys, time
from lab import apart
apart.listen(lambda: print("soon", flush=True), lambda: print("now", flush=True))
print("begun", os.environ["TMPDIR"], flush=True)
time.sleep(1000)
"""


def running(word):
    commands = [p.read_bytes() for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    return [one for one in commands if word.encode() in one.split(b"\0")]


def test_what_it_leaves_behind_is_gone_with_it(tmp_path):
    words = [f"{100_000 + os.getpid()}.5", str(tmp_path / "folder")]
    assert apart.run_apart([sys.executable, "-c", UNTIDY, *words]) == 7
    folder = (tmp_path / "folder").read_text()
    assert not pathlib.Path(folder).exists()
    assert folder not in pathlib.Path("/proc/mounts").read_text()
    assert not pathlib.Path("/sys/class/net/apart0").exists()
    assert running(words[0]) == []


@pytest.fixture
def endless():
    command = [sys.executable, "-c", ENDLESS]
    runs = f"import sys; from lab import apart; sys.exit(apart.run_apart({command!r}))"
    child = subprocess.Popen(
        [sys.executable, "-c", runs], stdout=subprocess.PIPE, text=True, env=apart.environment()
    )
    said = child.stdout.readline().split()
    assert said[0] == "begun"
    yield child, pathlib.Path(said[1])
    child.kill()
    child.wait()
    child.stdout.close()


def test_the_first_interrupt_asks_and_the_second_ends(endless):
    endless, folder = endless
    endless.send_signal(signal.SIGINT)
    assert endless.stdout.readline() == "soon\n"
    endless.send_signal(signal.SIGINT)
    assert endless.stdout.readline() == "now\n"
    assert endless.wait(20) == 130
    assert not folder.exists()


def test_it_ends_with_who_runs_it(endless):
    endless, folder = endless
    endless.kill()
    assert endless.stdout.readline() == "now\n"
    assert endless.stdout.read() == ""
    wait_for("everything to go", lambda: not folder.exists() and not running(ENDLESS))
