"""What the contract's tests need beside a runtime: the fake's surroundings, and real ones."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess

from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, NODE, container, instance

from lab import registry as lab_registry
from lab.podman import PAGE, image_tar
from lab.processes import wait_for
from skerry_executor import specs
from skerry_executor.runtimes import containers
from skerry_executor.runtimes.base import Credentials, Written

REMOTE = "tiny/web:1"
NAME = "skerry-shop-web-0-web"
RIGHT = Credentials(lab_registry.USER, lab_registry.PASSWORD)


def _stands(task):
    """Say whether a thread is stopped, or gone."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return True


@contextlib.contextmanager
def stopped(pid):
    """Stop a process, all its threads, and let it go on."""
    os.kill(pid, signal.SIGSTOP)
    try:
        tasks = pathlib.Path(f"/proc/{pid}/task")
        wait_for("the stop", lambda: all(map(_stands, tasks.iterdir())))
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def mounted(folder, size_mib):
    """Have a folder be a file system of its own, of so many MiB."""
    options = f"size={size_mib}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "skerry-test", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Real:
    """A runtime of the lab, and what the contract needs beside it."""

    def __init__(self, lab):
        self.lab = lab
        self.runtime = containers.connect(str(lab.socket))

    def clear(self):
        for one in self.lab.run("ps", "--all", "--quiet").split():
            self.lab.run("rm", "--force", one, check=False)

    def remote_image(self, request, text=PAGE):
        """Return an image that a registry has and the runtime has not; of another text, layer."""
        image = f"{request.getfixturevalue('registry').address}/{REMOTE}"
        # Not the one that all tests use, under another name: it will be removed.
        change = ("--change", "LABEL remote=yes")
        self.lab.run("import", *change, "-", image, data=image_tar(text))
        self.lab.run("push", image)
        self.lab.run("rmi", image)
        return image

    def private_image(self, request):
        """Return an image that a registry gives to RIGHT alone."""
        self.remote_image(request)
        return f"{request.getfixturevalue('private_registry').address}/{REMOTE}"

    @contextlib.contextmanager
    def hanging(self):
        """Have the runtime answer nothing, as one that waits for a dead disk."""
        with stopped(self.lab.pid):
            yield

    def said(self, name):
        """Return the lines that a container wrote, once it wrote any."""
        return wait_for("its words", lambda: self.lab.run("logs", name).split())

    def write(self, texts):
        """Start a container that writes lines, each to a stream, and goes on running."""
        line = 'echo "$1" >&$2; shift 2'
        script = f"while [ $# -gt 0 ]; do {line}; sleep 0.05; done; exec sleep 1000"
        words = [word for stream, text in texts for word in (text, "1" if stream == "out" else "2")]
        started(self.runtime, command=("/bin/sh", "-c", script, "sh", *words))

    def silent_image(self, request):
        """Return an image of a registry that takes connections and never answers."""
        listener = socket.socket()
        request.addfinalizer(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        return f"127.0.0.1:{listener.getsockname()[1]}/tiny/web:1"

    def absent_image(self, request):
        return f"{request.getfixturevalue('registry').address}/no/such:1"

    def taken_port(self, request):
        listener = socket.socket()
        request.addfinalizer(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return listener.getsockname()[1]


class Faked:
    """The fake, with the same surroundings."""

    def __init__(self):
        self.runtime = FakeRuntime(images=[IMAGE])

    def clear(self):
        pass

    def remote_image(self, _request):
        self.runtime.registry.add("registry.example/tiny/web:1")
        return "registry.example/tiny/web:1"

    def private_image(self, _request):
        self.runtime.registry.add("private.example/tiny/web:1")
        self.runtime.passwords["private.example/tiny/web:1"] = RIGHT
        return "private.example/tiny/web:1"

    def write(self, texts):
        started(self.runtime)
        self.runtime.write(NAME, *(Written(stream, f"{text}\n".encode()) for stream, text in texts))

    def silent_image(self, _request):
        self.runtime.silent.add("registry.example/silent:1")
        return "registry.example/silent:1"

    def absent_image(self, _request):
        return "registry.example/no/such:1"

    def taken_port(self, _request):
        self.runtime.ports_taken.add(8080)
        return 8080


def made(runtime, name=NAME, node=NODE, image=IMAGE, of=None, wanted=None, **changes):
    """Create a container of ours that ends at once when asked to, and return its id."""
    # containerd alone has no other networks.
    network = {"network": "host"} if runtime.name == "containerd" else {}
    wanted = wanted or container(**{"stop_grace_s": 0.0, "restart": "no", **network, **changes})
    of = of or instance(containers=[wanted])
    return runtime.create(name, image, wanted, specs.labels_of(node, of, wanted), of)


def started(runtime, **changes):
    """Create and start a container of ours, and return it."""
    made(runtime, **changes)
    runtime.start(NAME)
    found = runtime.container(NAME)
    assert found is not None
    return found
