"""A program apart: the kernel ends all that it started, and nothing of it stays."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from lab import apart

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
import sys, time
from lab import apart
apart.listen(lambda: print("soon", flush=True), lambda: print("now", flush=True))
print("begun", flush=True)
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
    child = subprocess.Popen([sys.executable, "-c", runs], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_the_first_interrupt_asks_and_the_second_ends(endless):
    endless.send_signal(signal.SIGINT)
    assert endless.stdout.readline() == "soon\n"
    endless.send_signal(signal.SIGINT)
    assert endless.stdout.readline() == "now\n"
    assert endless.wait(20) == 130


def test_it_ends_with_who_runs_it(endless):
    endless.kill()
    assert endless.stdout.readline() == "now\n"
    assert endless.stdout.read() == ""
    time.sleep(0.1)
    assert running(ENDLESS) == []
