"""The program as a process: what it imports, terminals, pipes, signals, exit statuses."""

import dataclasses
import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from tests.cli.canned import Raw
from tests.cli.samples import DEGRADED_DETAIL, EVENTS, NODE

from skerry_cli.main import COMMANDS
from skerry_wire import __version__


def test_version_and_help_touch_no_network(skerry, hub):
    assert skerry("version").out == f"skerry {__version__}\n"
    for command in COMMANDS:
        out = skerry(command, "--help").out
        assert "Usage:" in out
        if command != "node":
            assert f"  skerry {command}" in out or f"skerry {command} " in out, "an example"
    assert "Exit status" in skerry("--help").out
    assert hub.asked == []


def test_version_asks_the_hub_when_it_is_told_to(skerry, hub):
    assert skerry("version", "--hub").out == f"skerry {__version__}\nhub 9.9.9 at {hub.url}\n"
    said = json.loads(skerry("version", "--hub", "-o", "json").out)
    assert said == {"client": __version__, "hub": "9.9.9"}


def test_version_imports_nothing_that_takes_long():
    code = (
        "import sys; from skerry_cli.main import main; main(['version']);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stderr.split())
    assert "click" in imported
    assert not imported & {"rich", "yaml", "urllib3", "http", "ssl", "socket", "msgpack", "asyncio"}


def test_the_address_can_be_given_everywhere(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = [NODE]
    away = "http://127.0.0.1:9"
    for words in (
        ["--hub", hub.url, "get", "nodes"],
        ["get", "nodes", "--hub", hub.url],
        ["--hub", away, "get", "nodes", "--hub", hub.url],
    ):
        assert "box-1" in skerry(*words, SKERRY_HUB=away).out
    assert away in skerry("--hub", away, "get", "nodes", code=1).err


def test_wrong_addresses_and_times_are_wrong_usage(skerry, hub):
    assert "is not the address of a hub" in skerry("--hub", "box", "get", "nodes", code=2).err
    assert "--request-timeout" in skerry("--request-timeout", "soon", "get", "nodes", code=2).err
    for words in (
        ("--request-timeout", "0", "get", "nodes"),
        ("get", "nodes", "--request-timeout", "0"),
    ):
        assert "'0' is not 0.01 s to" in skerry(*words, code=2).err
    assert hub.asked == []
    assert "No such command" in skerry("frobnicate", code=2).err


def test_a_request_timeout_is_kept(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = Raw(b"", hold_s=10)
    err = skerry("--request-timeout", "300ms", "get", "nodes", code=1).err
    assert "no whole answer within 0.3 s" in err


# --- terminals ----------------------------------------------------------------------------


def on_terminal(start, *words, answer=None, **environment):
    """Run a command line on a terminal of its own; return its exit status and its screen."""
    ours, theirs = pty.openpty()
    process = start(*words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    if answer is not None:
        os.write(ours, answer)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(ours)
    return process.wait(10), shown.decode().replace("\r\n", "\n")


def test_a_terminal_has_colours_and_others_have_not(start, hub):
    hub.answers["GET /api/v1/nodes"] = [NODE]
    code, shown = on_terminal(start, "get", "nodes")
    assert code == 0
    assert "\x1b[1mNODE\x1b[0m" in shown
    assert "\x1b[32monline\x1b[0m" in shown
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        code, plain = on_terminal(start, "get", "nodes", **environment)
        assert plain == re.sub(r"\x1b\[\d+m", "", shown)
    assert "\x1b" not in start("get", "nodes").communicate()[0]


def test_a_terminal_shows_progress_and_a_pipe_does_not(start, hub):
    hub.answers["GET /api/v1/workloads/w"] = DEGRADED_DETAIL
    words = ("wait", "workload", "w", "--for", "running", "--timeout", "1s")
    code, shown = on_terminal(start, *words)
    assert code == 4
    assert "0 of 1 done" in shown
    piped = start(*words)
    assert "of 1 done" not in "".join(piped.communicate())
    assert piped.returncode == 4


def test_what_cannot_be_undone_is_asked_about_on_a_terminal(start, hub):
    hub.answers["DELETE /api/v1/nodes/box-1"] = {}
    hub.answers["POST /api/v1/nodes/box-1/overwrite"] = NODE
    for words in (["delete", "node", "box-1"], ["node", "overwrite", "box-1"]):
        code, shown = on_terminal(start, *words, answer=b"n\n")
        assert code == 1
        assert "nothing was done" in shown
        assert hub.asked == []
    code, shown = on_terminal(start, "delete", "node", "box-1", answer=b"y\n")
    assert code == 0
    assert "node/box-1 deleted" in shown
    code, shown = on_terminal(start, "node", "overwrite", "box-1", "--yes")
    assert (code, len(hub.asked)) == (0, 2)


# --- pipes and signals --------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["-o", "json"], ["-o", "name"]])
def test_a_reader_that_goes_away_ends_it_silently(start, hub, form):
    hub.answers["GET /api/v1/events"] = EVENTS * 5000
    process = start("get", "events", *form)
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(20) == 141
    assert process.stderr.read() == ""


def test_ctrl_c_ends_a_request(start, hub):
    hub.answers["GET /api/v1/nodes"] = Raw(b"", hold_s=30)
    process = start("get", "nodes")
    hub.wait_asked(lambda asked: asked.path == "/api/v1/nodes")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert "Traceback" not in process.stderr.read()


def test_a_terminal_without_unicode_is_no_reason_to_fail(start, hub):
    hub.answers["GET /api/v1/events"] = [dataclasses.replace(EVENTS[0], detail="größe")]
    process = start("get", "events", env={"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "gr\\xf6\\xdfe" in out
