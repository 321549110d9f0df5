"""The control socket and what it says."""

import dataclasses
import json
import os
import pathlib
import selectors
import socket
import tempfile
import threading

import pytest

from skerry_agent import status
from skerry_agent.control import Control, ControlError, ask
from skerry_agent.state import State
from skerry_agent.status import AgentStatus, status_of, table
from skerry_wire.hardware import Hardware
from skerry_wire.local import Outcome
from skerry_wire.messages import InstanceState, InstanceStatus, Refusal

STATE = State(node="box-1", incarnation="0" * 32, boot=3, version="0.1.0")
WEB = InstanceStatus(
    id="web-0",
    workload="web",
    revision="0" * 16,
    state=InstanceState.EXITED,
    exit_code=1,
    restarts=2,
)
BUSY = dataclasses.replace(
    STATE,
    connected=True,
    hardware=Hardware(),
    revision="c" * 16,
    outcome=Outcome(
        accepted=4,
        refusal=Refusal(generation=5, code="x", reason="not signed"),
        problems=("podman is gone",),
        instances=(WEB,),
    ),
    reached_generation=3,
    executor_problem="executor: no socket",
)


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory(prefix="sk-") as folder:
        yield str(pathlib.Path(folder) / "made" / "control.sock")


@pytest.fixture
def serve(path):
    """Serve a state from a loop in a thread, as the shell would."""
    running = []

    def start(state=BUSY):
        control = Control(path, lambda: status_of(state, "mqtt://h:1883"))
        selector = selectors.DefaultSelector()
        selector.register(control.fd, selectors.EVENT_READ)
        end = threading.Event()

        def loop():
            while not end.is_set():
                for _ in selector.select(0.02):
                    control.on_ready()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        running.append((control, end, thread))
        return control

    yield start
    for control, end, thread in running:
        end.set()
        thread.join()
        control.close()


def test_it_answers_with_what_the_state_says(serve, path):
    serve()
    told = ask(path)
    assert (told.node, told.boot, told.connected) == ("box-1", 3, True)
    assert (told.accepted, told.reached, told.capability) == (4, 3, "c" * 16)
    assert told.refusal == "order 5: not signed"
    assert told.problems == ("executor: no socket", "podman is gone")
    assert told.instances == (WEB,)


def test_the_answer_is_one_line_of_json(serve, path):
    serve()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        data = b"".join(iter(lambda: client.recv(65536), b""))
    assert data.count(b"\n") == 1
    assert json.loads(data)["instances"][0]["state"] == "exited"


def test_a_client_that_reads_nothing_holds_nobody_up(serve, path):
    serve()
    silent = [socket.socket(socket.AF_UNIX) for _ in range(10)]
    for client in silent:
        client.connect(path)
    assert ask(path).node == "box-1"
    for client in silent:
        client.close()


def test_many_instances_still_fit_one_answer(serve, path):
    many = tuple(
        dataclasses.replace(WEB, id=f"web-{i}", reason="x" * 1000)
        for i in range(status.MOST_INSTANCES)
    )
    serve(dataclasses.replace(BUSY, outcome=Outcome(instances=many)))
    told = ask(path)
    assert told.instance_count == len(many)
    assert 0 < len(told.instances) < len(many)
    assert f"and {len(many) - len(told.instances)} more" in table(told)


def test_only_owner_and_group_may_ask(serve, path):
    serve()
    assert os.stat(path).st_mode & 0o777 == 0o660


def test_what_a_dead_agent_left_is_replaced_and_a_living_one_is_not(serve, path):
    pathlib.Path(path).parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    serve()
    with pytest.raises(ControlError, match="another agent serves"):
        Control(path, lambda: status_of(STATE, ""))
    assert ask(path).node == "box-1"


def test_a_file_in_the_way_is_not_removed(path):
    pathlib.Path(path).parent.mkdir()
    pathlib.Path(path).write_text("mine")
    with pytest.raises(ControlError, match="not a socket"):
        Control(path, lambda: status_of(STATE, ""))
    assert pathlib.Path(path).read_text() == "mine"


@pytest.mark.parametrize("where", ["/tmp/" + "x" * 200, "/proc/none/control.sock"])
def test_a_place_that_cannot_be_used_is_said(where):
    with pytest.raises(ControlError, match=r"x{20}|/proc/none"):
        Control(where, lambda: status_of(STATE, ""))


def test_the_socket_goes_with_the_agent(path):
    Control(path, lambda: status_of(STATE, "")).close()
    assert not pathlib.Path(path).exists()
    with pytest.raises(ControlError, match="no agent serves"):
        ask(path)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "broke off"),
        (b'{"node": "box-1"}\n', "does not speak"),
        (b"\xff\n", "does not speak"),
        (b"[" * 5000 + b"\n", "does not speak"),
        (b"x" * 400_000, "does not end"),
        (None, "did not answer"),
    ],
)
def test_what_is_no_agent_is_said(path, answer, words):
    pathlib.Path(path).parent.mkdir()
    done = threading.Event()

    def speak(listener):
        connection, _ = listener.accept()
        with connection:
            if answer is None:
                done.wait(10)
                return
            try:
                connection.sendall(answer)
            except OSError:
                return

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=speak, args=(listener,))
        thread.start()
        with pytest.raises(ControlError, match=words):
            ask(path, timeout_s=0.5 if answer is None else 30.0)
        done.set()
        thread.join()


def test_the_table():
    text = table(status_of(BUSY, "mqtt://h:1883"))
    assert "mqtt://h:1883, connected" in text
    assert "generation 4, reached 3" in text
    assert "Refused" in text
    assert "web-0, exited, exit code 1, 2 restarts" in text
    quiet = table(status_of(STATE, "mqtt://h:1883"))
    assert "not connected" in quiet
    assert "none yet" in quiet
    assert "not yet known" in quiet


def test_an_answer_is_read_back_as_it_was():
    told = status_of(BUSY, "b")
    assert status.read_answer(status.answer(told)) == told
    assert isinstance(told, AgentStatus)
