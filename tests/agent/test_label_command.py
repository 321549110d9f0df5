"""`skerry-agent label`: what it stores, what it refuses, and how it tells a running agent."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

from skerry_agent import label_command, operator_labels, status
from skerry_agent.config import load
from skerry_agent.label_command import LabelError
from skerry_agent.operator_labels import LabelsError
from skerry_agent.state import State
from skerry_agent.status import status_of


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="sk-") as folder:
        yield pathlib.Path(folder)


class Site:
    """One box's settings, and the command on it."""

    def __init__(self, home):
        self.home = home
        self.state = home / "state"
        self.control = home / "control.sock"
        self.write('[labels]\nsite = "north"\n')

    def write(self, text):
        (self.home / "agent.toml").write_text(text)

    @property
    def config(self):
        options = {"state": str(self.state), "control": str(self.control)}
        return load(self.home / "agent.toml", {}, options)

    def run(self, verb, *words):
        return json.loads(label_command.run(self.config, verb, words, as_json=True))

    @property
    def stored(self):
        return operator_labels.stored(self.state)


@pytest.fixture
def site(home):
    return Site(home)


# --- without an agent ------------------------------------------------------------------------


def test_what_is_set_is_kept_and_wins_over_the_file(site):
    told = site.run("set", "zone=hall-3", "example.com/rack=", "site=south")
    assert told["labels"] == {"example.com/rack": "", "site": "south", "zone": "hall-3"}
    assert told["sources"]["zone"] == "set"
    assert told["agent"] == "does not run; it takes them at its start"
    assert operator_labels.read(site.config) == told["labels"]
    told = site.run("unset", "site")
    assert told["labels"]["site"] == "north"
    assert told["sources"]["site"] == str(site.home / "agent.toml")
    assert "holds again" in told["notes"][0]
    assert site.run("unset", "zone", "example.com/rack")["labels"] == {"site": "north"}


def test_the_text_for_people(site):
    text = label_command.run(site.config, "set", ["zone=hall-3"], as_json=False)
    first, second, last = text.splitlines()
    assert first.split() == ["site=north", str(site.home / "agent.toml")]
    assert second.split() == ["zone=hall-3", "set"]
    assert last == "The agent does not run; it takes them at its start."
    site.write("")
    site.run("unset", "zone")
    assert label_command.run(site.config, "list", [], as_json=False) == "no labels"


def test_labels_of_the_file_that_are_ignored_are_told(site, caplog):
    site.write('[labels]\nsite = "north"\n"kubernetes.io/arch" = "toaster"\n')
    text = label_command.run(site.config, "list", [], as_json=False)
    first, second = text.splitlines()
    assert first.startswith("site=north")
    assert second.startswith("ignored in [labels]: 'kubernetes.io/arch': ")
    assert operator_labels.read(site.config) == {"site": "north"}
    assert "labels ignored in [labels]: 'kubernetes.io/arch'" in caplog.text


def test_a_label_of_the_file_cannot_be_unset_here(site):
    with pytest.raises(LabelError, match=r"site.*agent\.toml.*reload") as caught:
        site.run("unset", "site")
    assert not caught.value.is_usage


def test_to_unset_what_is_not_set_is_no_error(site):
    assert site.run("unset", "colour")["notes"] == ["colour: was not set"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["zone"], "KEY=VALUE"),
        (["=x"], "NAME 1 to 63"),
        ([f"{'k' * 64}=x"], "NAME 1 to 63"),
        (["-a=x"], "letter or digit at either end"),
        (["a b=x"], "NAME 1 to 63"),
        (["Example.com/a=x"], "lower case"),
        (["/a=x"], "lower case"),
        ([f"{'d' * 250}.com/a=x"], "longer than 253"),
        ([f"a={'v' * 64}"], "at most 63"),
        (["a=north pole"], "at most 63"),
        (["a=nørd"], "at most 63"),
        (["a=x\n"], "at most 63"),
        (["a=1", "a=2"], "twice"),
        (["feature.node.kubernetes.io/cpu-cpuid.AVX2=true"], "worked out from the box"),
        (["kubernetes.io/arch=arm64"], "worked out from the box"),
        ([], "at least one"),
    ],
)
def test_what_is_no_label_is_refused_with_its_reason_and_nothing_is_stored(site, words, why):
    with pytest.raises(LabelError, match=why) as caught:
        site.run("set", "fine=yes", *words) if words else site.run("set")
    assert caught.value.is_usage
    assert site.stored == {}


@pytest.mark.parametrize(
    "word",
    [
        "topology.kubernetes.io/zone=hall-3",
        "node-role.kubernetes.io/edge=",
        "a=B_c.d-9",
        f"{'k' * 63}={'v' * 63}",
    ],
)
def test_labels_that_kubernetes_allows_are_allowed(site, word):
    key, _, value = word.partition("=")
    site.run("set", word)
    assert site.stored == {key: value}


def test_too_many_are_refused(site):
    site.run("set", *(f"k{i}=v" for i in range(256)))
    with pytest.raises(LabelError, match="too many"):
        site.run("set", "one=more")
    assert len(site.stored) == 256


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"labels": []}',
        b'{"labels": {"a": 1}}',
        b'{"labels": {"a b": "c"}}',
        b'{"labels": {"kubernetes.io/arch": "x"}}',
        b"[" * 60_000,
        b" " * 70_000,
    ],
)
def test_a_damaged_file_is_said_and_not_overwritten(site, content):
    site.state.mkdir()
    (site.state / "labels.json").write_bytes(content)
    for attempt in (lambda: site.stored, lambda: operator_labels.read(site.config)):
        with pytest.raises(LabelsError, match="damaged; remove it"):
            attempt()
    with pytest.raises(LabelError, match="damaged; remove it"):
        site.run("set", "a=b")
    assert (site.state / "labels.json").read_bytes() == content


def test_links_and_pipes_in_the_agents_folder_are_not_followed(site):
    site.state.mkdir()
    secret = site.home / "secret"
    secret.write_text("mine")
    (site.state / "labels.json.new").symlink_to(secret)
    site.run("set", "a=b")
    assert secret.read_text() == "mine"
    assert site.stored == {"a": "b"}
    (site.state / "labels.json").unlink()
    (site.state / "labels.json").symlink_to(secret)
    with pytest.raises(LabelsError, match="cannot be read"):
        site.stored  # noqa: B018
    (site.state / "labels.json").unlink()
    os.mkfifo(site.state / "labels.json")
    with pytest.raises(LabelsError, match="not a regular file"):
        site.stored  # noqa: B018
    with pytest.raises(LabelError, match="not a regular file"):
        site.run("set", "a=b")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_what_root_writes_belongs_to_the_folders_owner(site):
    site.state.mkdir()
    os.chown(site.state, 12345, 12346)
    site.run("set", "a=b")
    found = (site.state / "labels.json").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_not_write_is_told_to_be_root(site):
    site.home.chmod(0o755)
    site.state.mkdir(mode=0o700)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    environment["PYTHONPATH"] = ":".join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-m", "skerry_agent.main", "label", "set", "a=b", "--state", site.state],
        capture_output=True,
        text=True,
        timeout=60,
        user=12345,
        env=environment,
        cwd="/",
    )
    if "Permission denied" in done.stderr and "Traceback" in done.stderr:
        pytest.skip("this checkout may not be read by others")
    assert done.returncode == 1
    assert "do it as root (sudo)" in done.stderr


def test_commands_at_the_same_time_lose_nothing(site):
    def add(first):
        for number in range(first, first + 10):
            operator_labels.change(site.state, lambda before, n=number: {**before, f"k{n}": "v"})

    threads = [threading.Thread(target=add, args=(10 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(site.stored) == 40


# --- with an agent ---------------------------------------------------------------------------

SERVER = """
import signal, sys
from skerry_agent import operator_labels
from skerry_agent.config import load
from skerry_agent.control import Control
from skerry_agent.state import State
from skerry_agent.status import status_of
import dataclasses, pathlib, select
home = pathlib.Path(sys.argv[1])
config = load(home / "agent.toml", {}, {"state": str(home / "state")})
state = State(node="box-1", incarnation="0" * 32, boot=1, version="0")
told = []
def reload(*_):
    global state
    told.append(1)
    if sys.argv[2] == "takes":
        state = dataclasses.replace(state, labels=operator_labels.read(config))
    else:
        state = dataclasses.replace(state, label_problem="the labels cannot be read: broken")
signal.signal(signal.SIGHUP, reload)
control = Control(str(home / "control.sock"), lambda: status_of(state, "b"))
print("ready", flush=True)
while True:
    select.select([control.fd], [], [])
    control.on_ready()
"""


@pytest.fixture
def serve(site):
    """Start what stands for an agent: a process that serves the socket and obeys SIGHUP."""
    started = []

    def start(how):
        environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, site.home, how],
            stdout=subprocess.PIPE,
            env=environment,
        )
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_running_agent_is_told_and_asked_whether_it_has_them(site, serve):
    serve("takes")
    assert site.run("set", "a=b")["agent"] == "has them"
    assert site.run("set", "a=b")["agent"] == "has them"
    assert site.run("unset", "a")["agent"] == "has them"


def test_an_agent_that_does_not_take_them_says_why(site, serve):
    serve("refuses")
    with pytest.raises(LabelError, match=r"stored, but .* broken"):
        site.run("set", "a=b")
    assert site.stored == {"a": "b"}


def test_an_agent_that_cannot_read_them_is_not_signalled(site):
    """A signal that an older agent does not know would end it."""
    old = status.to_json(status_of(State(node="n", incarnation="0" * 32, boot=1, version="0"), "b"))
    plain = json.loads(old)
    del plain["labels"]
    seen = []
    before = signal.signal(signal.SIGHUP, lambda *_: seen.append(1))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(site.control))
        listener.listen()

        def speak():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(json.dumps(plain).encode() + b"\n")

        thread = threading.Thread(target=speak)
        thread.start()
        try:
            with pytest.raises(LabelError, match=r"too old to read them.*restart"):
                site.run("set", "a=b")
        finally:
            thread.join(5)
            signal.signal(signal.SIGHUP, before)
    assert seen == []


def test_a_socket_that_nobody_serves_means_that_no_agent_runs(site, serve):
    process = serve("takes")
    process.kill()
    process.wait()
    assert site.run("set", "a=b")["agent"].startswith("does not run")
