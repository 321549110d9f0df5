"""Finding a runtime, and what is said when it is none, silent, or talks nonsense."""

import json
import socket
import threading

import pytest
from tests.executor.orders import container, instance

from skerry_executor import runtimes
from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import Wish, containers, failures, unix_http
from skerry_executor.runtimes.base import Failure, LogWish, Program, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime
from skerry_executor.settings import Settings


@pytest.fixture
def answering(tmp_path):
    """Return a function that makes a socket which answers each connection with given bytes."""
    listeners = []

    def make(*answers):
        path = str(tmp_path / f"socket-{len(listeners)}")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listeners.append(listener)

        def serve():
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return path

    yield make
    for listener in listeners:
        listener.close()


def http(body=b"", status=200, headers=""):
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


PODMAN = http(b"OK", headers="Api-Version: 1.41\r\nLibpod-API-Version: 4.3.1\r\n")
DOCKER = http(b"OK", headers="Api-Version: 1.52\r\n")


def failure_of(act, *arguments):
    with pytest.raises(RuntimeFailure) as failure:
        act(*arguments)
    return failure.value


# --- finding it ---------------------------------------------------------------------------


def test_the_runtimes_are_looked_for_in_the_order_of_the_table():
    asked = []

    def exists(path):
        asked.append(path)
        return False

    found = runtimes.choose(Wish(), exists)
    assert asked[:3] == ["/run/podman/podman.sock", "/run/docker.sock", "/var/run/docker.sock"]
    assert asked[3:5] == ["/run/k3s/containerd/containerd.sock", "/run/containerd/containerd.sock"]
    failure = failure_of(found.containers, "box-1")
    assert failure.kind is Failure.ABSENT
    assert "install podman and start podman.socket" in failure.reason


def test_podman_and_docker_are_told_apart_and_asked_in_a_version_that_both_know(answering):
    for answer, name, prefix in ((PODMAN, "podman", "/v1.41"), (DOCKER, "docker", "/v1.44")):
        found = containers.connect(answering(answer))
        assert (found.name, found._api.whole("/x")) == (name, f"{prefix}/x")


@pytest.mark.parametrize("has_selinux", [True, False])
def test_a_box_with_selinux_is_known_by_its_file(tmp_path, answering, has_selinux):
    if has_selinux:
        (tmp_path / "sys/fs/selinux").mkdir(parents=True)
        (tmp_path / "sys/fs/selinux/enforce").write_text("0")
    state = tmp_path / "state"
    settings = Settings(root=tmp_path, state=state, runtime_socket=answering(PODMAN))
    found = runtimes.choose(runtimes.wish_of(settings))
    assert found._labelled == (str(state / "files") if has_selinux else None)


def test_a_docker_that_wants_a_newer_api_is_said(answering):
    words = "client version 1.44 is too old. Minimum supported API version is 1.60, please upgrade"
    refused = http(json.dumps({"message": words}).encode(), 400)
    runtime = containers.connect(answering(DOCKER, refused))
    reason = failure_of(runtime.containers, "box-1").reason
    assert reason.startswith("this docker wants API 1.60 or later; install a newer skerry-executor")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ("Api-Version: 1.40\r\n", "this docker (API 1.40) is too old: install docker 20.10"),
        (
            "Api-Version: 1.40\r\nLibpod-API-Version: 3.4.4\r\n",
            "this podman (3.4.4) is too old: install podman 4.0",
        ),
    ],
)
def test_on_a_runtime_that_is_too_old_nothing_is_made(answering, headers, words):
    runtime = containers.connect(answering(http(b"OK", headers=headers)))
    failure = failure_of(runtime.create, "n", "i", container(), {}, instance())
    assert failure.kind is Failure.OTHER
    assert failure.reason.startswith(words)


def test_without_cdi_docker_gives_gpus_of_nvidia_alone(answering):
    off = http(b'{"CDISpecDirs": []}')
    runtime = containers.connect(answering(DOCKER, off))
    npu = container(cdi_devices=("nvidia.com/gpu=0", "a.b/npu=1"))
    failure = failure_of(runtime.create, "n", "i", npu, {}, instance())
    assert failure.kind is Failure.NO_DEVICE
    assert "CDI is turned off, hence there is no a.b/npu=1" in failure.reason
    created = http(b'{"Id": "abc"}', 201)
    runtime = containers.connect(answering(DOCKER, off, created))
    gpu = container(cdi_devices=("nvidia.com/gpu=0",))
    assert runtime.create("n", "i", gpu, {}, instance()) == "abc"


def test_a_containerd_without_its_cri_is_said():
    failure = failures.from_grpc("looking", 12, "unknown service runtime.v1.ImageService")
    assert failure.reason.startswith("the runtime does not serve version 1 of the CRI: ")
    pull = failures.from_pull("i:1", "r", "unknown service runtime.v1.ImageService")
    assert "`disabled_plugins`" in pull.reason


def test_a_socket_that_is_not_there_or_not_served_is_said(tmp_path):
    none = failure_of(containers.connect, str(tmp_path / "none"))
    assert (none.kind, "there is no such socket" in none.reason) == (Failure.UNREACHABLE, True)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "dead"))
    assert "nothing listens there" in failure_of(containers.connect, str(tmp_path / "dead")).reason
    chosen = runtimes.choose(Wish(socket=f"unix://{tmp_path}/none"))
    assert isinstance(chosen, NoRuntime)
    assert failure_of(chosen.start, "x").kind is Failure.UNREACHABLE


def test_none_refuses_every_call_in_the_same_words():
    none = NoRuntime("there is none")
    calls = (
        (none.containers, "n"),
        (none.container, "r"),
        (none.has_image, "i"),
        (none.pull, "i", None, Cancel(), print),
        (none.create, "n", "i", container(), {}, instance()),
        (none.start, "r"),
        (none.stop, "r", 1.0, Cancel()),
        (none.remove, "r"),
        (none.images,),
        (none.remove_image, "i"),
        (none.logs, "r", LogWish(), Cancel()),
        (none.execute, "r", Program(("sh",)), Cancel(), print),
        (none.usage, "r"),
        (none.checked, "r"),
    )
    for act, *arguments in calls:
        assert str(failure_of(act, *arguments)) == "there is none"


# --- nonsense -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "the connection ended without a whole answer"),
        (b"nonsense\r\n\r\n", "b'nonsense' is no answer of HTTP"),
        (http(b'{"message": "no"}', 500), "does not answer: no"),
        (http(b"OK", headers="Api-Version: none\r\n"), "is not the socket of podman or docker"),
    ],
)
def test_a_socket_of_something_else_is_said(answering, answer, words):
    assert words in failure_of(containers.connect, answering(answer)).reason


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(b"not json"), "is not JSON of the expected form"),
        (http(b"[1]"), "is not JSON of the expected form"),
        (http(b"{}"), "cannot be read: KeyError 'Config'"),
        (http(b'{"Config": {}, "State": 5}'), None),  # without our labels it is none of ours
        (http(b'{"message": "broken"}', 500), "looking at container x: broken"),
        (http(b"", 500), "looking at container x: status 500"),
    ],
)
def test_an_answer_that_is_not_what_the_api_documents_is_said(answering, answer, words):
    runtime = containers.connect(answering(PODMAN, answer))
    if words is None:
        assert runtime.container("x") is None
        return
    assert words in failure_of(runtime.container, "x").reason


def entry(number, state="created", pid=0):
    labels = {
        "io.skerry.node": "box-1",
        "io.skerry.instance": f"shop-web-{number}",
        "io.skerry.container": "web",
        "io.skerry.workload": "shop-web",
        "io.skerry.revision": "1" * 16,
        "io.skerry.spec": "s",
    }
    return {
        "Id": f"{number:064}",
        "Names": [f"skerry-shop-web-{number}-web"],
        "Labels": labels,
        "State": state,
        "Pid": pid,
    }


# As podman 4.3.1 answered after a power cut.
DAMAGED = http(
    b'{"cause":"invalid argument","message":"getting graph driver info \\"b0\\": readlink '
    b'/var/lib/containers/storage/overlay/l: invalid argument","response":500}',
    500,
)


@pytest.mark.parametrize(
    ("answer", "state", "phase", "words"),
    [
        (DAMAGED, "created", Phase.DAMAGED, "the runtime's store is damaged: looking at"),
        (DAMAGED, "exited", Phase.DAMAGED, "getting graph driver info"),
        (DAMAGED, "running", Phase.RUNNING, "the runtime's store is damaged"),
        (http(b'{"message": "odd"}', 500), "exited", Phase.UNKNOWN, "odd"),
        (http(b"{}"), "running", Phase.RUNNING, "cannot be read"),
    ],
)
def test_a_container_that_cannot_be_looked_at_hides_no_other(
    answering, answer, state, phase, words
):
    runtime = containers.connect(
        answering(PODMAN, http(json.dumps([entry(1, state, 42)]).encode()), answer)
    )
    (found,) = runtime.containers("box-1")
    assert (found.instance, found.name) == ("shop-web-1", "skerry-shop-web-1-web")
    assert (found.phase, found.pid, found.spec) == (phase, 42, "s")
    assert words in found.error


def test_one_of_somebody_else_that_is_damaged_is_not_told(answering):
    other = {**entry(1), "Labels": None}
    runtime = containers.connect(answering(PODMAN, http(json.dumps([other]).encode()), DAMAGED))
    assert runtime.containers("box-1") == ()


def test_a_runtime_that_goes_while_it_is_looked_at_is_a_failure(answering):
    runtime = containers.connect(answering(PODMAN, http(json.dumps([entry(1)]).encode()), b""))
    assert failure_of(runtime.containers, "box-1").kind is Failure.UNREACHABLE


def test_a_runtime_that_is_silent_is_given_up(answering, tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        with pytest.raises(TimeoutError):
            unix_http.request(str(tmp_path / "silent"), "GET", "/_ping", timeout_s=0.05)


def test_an_answer_without_end_is_given_up(answering):
    path = answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (unix_http.MAX_LINE_BYTES + 2))
    with (
        pytest.raises(unix_http.TooLargeError),
        unix_http.lines(path, "GET", "/", silence_s=5, cancel=Cancel()) as (_, lines),
    ):
        list(lines)


# --- words for an operator: what podman 4.3 and docker 20.10 said ---------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (500, "cannot listen on the TCP port: listen tcp4 127.0.0.1:8080: bind: address already "
              "in use", Failure.PORT_IN_USE, "port 8080 is already in use on this box"),
        (500, "driver failed programming external connectivity on endpoint x: Bind for "
              "0.0.0.0:80 failed: port is already allocated", Failure.PORT_IN_USE,
         "port 80 is already in use on this box"),
        (500, "failed to bind host port 127.0.0.1:53931/tcp: address already in use",
         Failure.PORT_IN_USE, "port 53931 is already in use on this box"),
        (500, "write /var/lib/x: no space left on device", Failure.DISK_FULL, "the disk is full"),
        (409, 'Conflict. The container name "/x" is already in use by container "y"',
         Failure.NAME_TAKEN, "creating x"),
        (500, 'error gathering device information while adding custom device "/dev/ttyUSB0": no '
              "such file or directory", Failure.NO_DEVICE, "there is no device /dev/ttyUSB0"),
        (500, "container 1 has dependent containers which must be removed before it: 2",
         Failure.JOINED, "creating x"),
        (404, "no such container", Failure.NOT_FOUND, "creating x: no such container"),
        (500, "anything\n  else", Failure.OTHER, "creating x: anything else"),
    ],
)  # fmt: skip
def test_what_a_runtime_says_is_put_in_words(status, said, kind, words):
    body = b'{"message": "%s"}' % said.encode().replace(b'"', b'\\"').replace(b"\n", b"\\n")
    failure = failures.from_answer("creating x", status, body)
    assert failure.kind is kind
    assert failure.reason.startswith(words)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("manifest for x:1 not found: manifest unknown", Failure.PULL, "is not in its registry"),
        ("dial tcp 127.0.0.1:9: connect: connection refused", Failure.PULL, "cannot be reached"),
        ("lookup x: no such host", Failure.PULL, "cannot be reached"),
        ("pull access denied for x, repository does not exist", Failure.PULL, "denies image"),
        ("unauthorized: authentication required", Failure.PULL, "denies image"),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            Failure.PULL,
            "image registry.example/x:1 has no linux/arm64, which this box is",
        ),
        (
            "choosing an image from manifest list docker://x: no image found in manifest list for "
            'architecture arm64, variant "v8", OS linux',
            Failure.PULL,
            "has no linux/arm64, which",
        ),
        (
            'choosing image instance: no image found in image index for architecture "arm", '
            'variant "v7", OS "linux"',
            Failure.PULL,
            "has no linux/arm/v7, which",
        ),
        (
            "no match for platform in manifest: not found",
            Failure.PULL,
            "has no variant for the architecture, which",
        ),
        ("no space left on device", Failure.DISK_FULL, "the disk is full"),
        ("anything else", Failure.PULL, "cannot be pulled"),
    ],
)
def test_why_a_pull_failed_is_put_in_words(said, kind, words):
    failure = failures.from_pull("registry.example/x:1", "registry.example", said)
    assert failure.kind is kind
    assert words in failure.reason
    assert "registry.example" in failure.reason


def test_a_program_for_another_architecture_is_said_to_be_one():
    said = b'{"message": "OCI runtime error: exec /bin/web: exec format error"}'
    failure = failures.from_answer("starting web", 500, said)
    assert "the image's program is for another architecture than this box's" in failure.reason


def test_long_messages_are_cut():
    assert len(failures.from_answer("x", 500, b"y" * 10000).reason) < 400
