"""Who holds the socket: systemd, or `skerry-executor listen`; with the real program."""

import os
import pathlib
import signal
import stat
import subprocess
import sys

import pytest
from tests.executor.client import Client, asked
from tests.executor.orders import key_file, order, signed

from lab.processes import Process, wait_for
from skerry_executor import state
from skerry_executor.listen import ListenError, bind, inherited

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "skerry_executor.main"]
SELDOM = {
    *("argparse", "asyncio", "concurrent.futures", "email", "http.client", "logging", "shutil"),
    *("ssl", "subprocess", "tempfile", "urllib.request", "uuid", "nacl.public"),
    *("skerry_executor.check", "skerry_executor.boot_timer"),
    *(f"skerry_executor.runtimes.{name}" for name in ("containerd", "kubelet", "cri", "grpc")),
    *(f"skerry_wire.{name}" for name in ("asyncapi", "jsonschema", "hardware", "capability")),
}
"""What costs a start milliseconds and carries out no plain order of containers."""


class Held:
    """`skerry-executor listen` on a box without a runtime; orders of nothing need none."""

    def __init__(self, folder, idle_s="0.3"):
        self.path = folder / "socket"
        self.state = folder / "state"
        (folder / "keys").mkdir(exist_ok=True)
        (folder / "keys" / "hub.pub").write_text(key_file())
        (folder / "policy.toml").write_text("")
        self.environment = {
            "SKERRY_EXECUTOR_STATE": str(self.state),
            "SKERRY_EXECUTOR_RUN": str(folder / "run"),
            "SKERRY_EXECUTOR_POLICY": str(folder / "policy.toml"),
            "SKERRY_EXECUTOR_KEYS": str(folder / "keys"),
            "SKERRY_EXECUTOR_RUNTIME_SOCKET": str(folder / "no-runtime"),
            "SKERRY_EXECUTOR_IDLE": idle_s,
            "PYTHONPATH": f"{ROOT / 'wire'}:{ROOT / 'agent'}",
        }
        self.folder = folder
        self.process = None
        self.starts = 0

    def start(self):
        command = [*PROGRAM, "listen", "--socket", str(self.path)]
        self.process = Process("executor", command, self.folder, self.environment)
        self.starts += 1
        wait_for("it to listen", lambda: self.process.log().count("msg=listening") == self.starts)

    def children(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in text.read_text().split()]


def over(pid):
    """Say whether a process has ended, also one that nobody has waited for yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def held(tmp_path):
    held = Held(tmp_path)
    held.start()
    yield held
    held.process.stop()


def test_a_run_is_started_when_somebody_connects_and_ends_when_idle(held):
    assert held.children() == []
    for generation in (1, 2):
        outcome = asked(held.path, signed(order(generation=generation)))
        assert outcome.accepted == generation
        assert "there is no such socket" in outcome.problems[0]
        wait_for("the run to end", lambda: not held.children())
    assert state.load(held.state).generation == 2


def test_the_socket_is_for_owner_and_group(held):
    assert stat.S_IMODE(os.stat(held.path).st_mode) == 0o660


def test_the_end_is_clean_also_in_the_middle_of_a_run(held):
    client = Client(held.path)
    wait_for("the run to begin", held.children)
    (child,) = held.children()
    held.process.stop()
    assert held.process.log().count("Traceback") == 0
    assert not held.path.exists()
    wait_for("its run to end", lambda: over(child), 5)  # of itself, where it had only just begun
    assert client.next() is None or client.replies[0].kind == "done"


def test_after_kill_9_of_the_holder_its_run_ends_and_the_next_one_takes_over(tmp_path):
    held = Held(tmp_path, idle_s="60")
    held.start()
    assert asked(held.path, signed(order(generation=1))).accepted == 1
    (child,) = held.children()
    held.process.kill()
    held.start()
    assert asked(held.path, signed(order(generation=2))).accepted == 2
    assert over(child)
    held.process.stop()


def test_a_run_that_is_killed_is_followed_by_the_next_one(tmp_path):
    held = Held(tmp_path, idle_s="60")
    held.start()
    asked(held.path, signed(order(generation=1)))
    (child,) = held.children()
    os.kill(child, signal.SIGKILL)
    assert asked(held.path).accepted == 1
    assert child not in held.children()
    held.process.stop()


def test_a_socket_that_is_served_is_not_taken_away(held):
    done = subprocess.run(
        [*PROGRAM, "listen", "--socket", held.path],
        env={**os.environ, **held.environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"another process listens at {held.path} already" in done.stderr
    assert asked(held.path, signed(order())).accepted == 1


def test_a_socket_that_nobody_serves_is_replaced(tmp_path):
    for _ in range(2):
        bind(tmp_path / "socket", 0o600, None).close()
    assert stat.S_IMODE(os.stat(tmp_path / "socket").st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "group", "words"),
    [
        ("file", None, "is there and is not a socket"),
        ("none/socket", None, "No such file or directory"),
        ("x" * 200, None, "cannot listen at"),
        ("socket", "no-such-group", "there is no group no-such-group"),
    ],
)
def test_where_nobody_can_listen_it_is_said_why(tmp_path, name, group, words):
    (tmp_path / "file").write_text("")
    with pytest.raises(ListenError, match=words):
        bind(tmp_path / name, 0o600, group)


def test_a_state_that_cannot_be_used_is_told_to_who_asks(tmp_path):
    held = Held(tmp_path)
    held.state.mkdir()
    held.state.chmod(0o777)
    held.start()
    (problem,) = asked(held.path, signed(order())).problems
    assert f"executor: {held.state} can be changed by other users" in problem
    held.state.chmod(0o700)
    wait_for("its use", lambda: asked(held.path, signed(order())).accepted == 1)
    held.process.stop()


# --- systemd ------------------------------------------------------------------------------

ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "skerry_executor.main", "run"])
"""


def test_the_socket_that_systemd_passes_is_served(tmp_path):
    held = Held(tmp_path)
    listener = bind(held.path, 0o600, None)
    client = Client(held.path)
    done = subprocess.Popen(
        [sys.executable, "-c", ACTIVATE, str(listener.fileno())],
        env={**os.environ, **held.environment},
        pass_fds=[listener.fileno()],
    )
    assert client.ask(signed(order(generation=4))).done().accepted == 4
    assert done.wait(20) == 0
    assert held.path.exists(), "the socket is systemd's"
    listener.close()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "start skerry-executor.socket, or use"),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, "no listening socket was passed"),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, "2 sockets were passed, expected one"),
    ],
)
def test_without_a_socket_it_is_said_what_to_do(environment, words):
    with pytest.raises(ListenError, match=words):
        inherited(environment, 7)


@pytest.mark.parametrize("passed", ["nothing", "file", "connection"])
def test_what_is_no_listening_socket_is_refused(tmp_path, passed):
    code = (
        "import os, sys, socket\n"
        "pair = socket.socketpair()\n"
        "what = {'nothing': None, 'file': os.open('/dev/null', 0), 'connection': pair[0].fileno()}"
        f"[{passed!r}]\n"
        "os.dup2(what, 3) if what is not None else os.closerange(3, 9)\n"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
        "from skerry_executor.main import main\n"
        "sys.exit(main(['run']))\n"
    )
    held = Held(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **held.environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "what was passed is" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_imports_nothing_that_a_plain_order_does_not_need():
    # One is started for each visit: every millisecond is one between apply and running.
    code = (
        "import sys\n"
        "from skerry_executor import listen, main, runtimes, serve, state\n"
        "from skerry_executor.runtimes import containers\n"
        "print(*sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'wire'}:{ROOT / 'agent'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "skerry_executor.visits" in loaded, done.stderr
    assert loaded & SELDOM == set()


def test_a_holder_has_everything_imported_that_its_runs_need():
    # Else each visit of the agent would wait for it.
    code = (
        "import sys\n"
        "from skerry_executor import main, listen, state\n"
        "main._import_for_runs()\n"
        "needed = 'nacl.signing', 'skerry_executor.runtimes.unix_http', 'tomllib'\n"
        "print(all(m in sys.modules for m in needed))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'wire'}:{ROOT / 'agent'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
