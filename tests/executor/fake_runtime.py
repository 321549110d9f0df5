"""A container runtime in memory. test_contract holds it to what podman and docker do."""

import dataclasses
import hashlib
import os
import pathlib
import threading

from skerry_executor import specs
from skerry_executor.actual import Actual, CheckResult, HostPort, Phase
from skerry_executor.cancel import Cancelled
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Storage, StoredImage, Written
from skerry_wire.lifecycle import Usage
from skerry_wire.messages import Health
from skerry_wire.runtime_limits import RuntimeInUse

ADDRESS = "192.0.2.7"
READS = ("list", "look", "has", "images", "logs", "usage", "checked", "storage", "leftovers")


class FakeRuntime:
    """Holds containers by name. Everything that was asked for is in `calls`, in order."""

    name = "fake"
    whole_instances = False
    spaces_restarts = False
    counts_retries = True
    counts_checks = True
    in_use = RuntimeInUse(name="podman", version="4.3.1")

    def __init__(self, images=(), registry=(), silent=(), ports_taken=()):
        self.stored = set(images)
        self.registry = set(registry)
        self.silent = set(silent)
        self.ports_taken = set(ports_taken)
        self.left = []
        self.passwords = {}
        self.written = {}
        self.folder = pathlib.Path("/")
        self.fails = {}
        self.calls = []
        self.pulling = threading.Event()
        self._by_name = {}
        self._wanted = {}
        self._image_of = {}
        self._foreign = set()
        self._count = 0
        self._lock = threading.RLock()
        self._wrote = threading.Condition(self._lock)

    def _call(self, verb, subject):
        with self._lock:
            self.calls.append((verb, subject))
        failure = self.fails.get(verb)
        if failure is not None:
            raise failure

    def changes(self):
        """Return what was asked for that changes something."""
        with self._lock:
            return [one for one in self.calls if one[0] not in READS]

    def storage(self):
        self._call("storage", "")
        return Storage(containers=self.folder, volumes=self.folder / "volumes")

    def containers(self, node):
        self._call("list", node)
        with self._lock:
            return tuple(one for one in self._by_name.values() if node in (one.node, ""))

    def container(self, reference):
        self._call("look", reference)
        with self._lock:
            found = self._find(reference)
            return None if found is None or found.name in self._foreign else found

    def has_image(self, image):
        self._call("has", image)
        return image in self.stored

    def pull(self, image, credentials, cancel, progress):
        self._call("pull", image)
        if image in self.silent:
            woken = threading.Event()
            with cancel.waking(woken.set):
                self.pulling.set()
                woken.wait(60)
            raise Cancelled
        if image not in self.registry:
            raise RuntimeFailure(Failure.PULL, f"image {image} is not in its registry")
        wanted = self.passwords.get(image)
        if wanted is not None and wanted != credentials:
            whom = "without credentials" if credentials is None else f"to user {credentials.user}"
            raise RuntimeFailure(Failure.PULL, f"the registry denies image {image} {whom}")
        progress(2**20, 2 * 2**20)
        self.stored.add(image)

    def create(self, name, image, container, labels, instance):
        self._call("create", name)
        with self._lock:
            if name in self._by_name:
                raise RuntimeFailure(Failure.NAME_TAKEN, f"creating {name}: name in use")
            if image not in self.stored:
                raise RuntimeFailure(Failure.NOT_FOUND, f"creating {name}: no image {image}")
            self._count += 1
            self._by_name[name] = Actual(
                id=f"{self._count:064x}",
                name=name,
                node=labels.get(specs.NODE, ""),
                instance=labels.get(specs.INSTANCE, ""),
                container=labels.get(specs.CONTAINER, ""),
                workload=labels.get(specs.WORKLOAD, ""),
                revision=labels.get(specs.REVISION, ""),
                spec=labels.get(specs.SPEC, ""),
                devices=labels.get(specs.DEVICES, ""),
                phase=Phase.CREATED,
                stop_grace_s=container.stop_grace_s or 10.0,
                ports=frozenset(HostPort(p.host, p.protocol) for p in container.ports),
            )
            self._wanted[name] = container
            self._image_of[name] = image
            if specs.NODE not in labels:
                self._foreign.add(name)
            return self._by_name[name].id

    def start(self, reference):
        self._call("start", reference)
        with self._lock:
            one = self._found(reference)
            if one.phase is Phase.RUNNING:
                return
            wanted = self._wanted[one.name]
            for port in one.ports:
                if port.number in self.ports_taken or self._published(port, one.name):
                    reason = f"port {port.number} is already in use on this box"
                    raise RuntimeFailure(Failure.PORT_IN_USE, reason)
            command = (*(wanted.entrypoint or ()), *(wanted.command or ()))
            if command[0] == "/nothere":
                raise RuntimeFailure(Failure.OTHER, f"starting {one.name}: /nothere: no such file")
            if command[:2] == ("/bin/sh", "-c") and command[2].startswith("exit "):
                code = int(command[2].removeprefix("exit "))
                self.put(one, phase=Phase.EXITED, exit_code=code, started_at=1.0)
                return
            health = Health.NONE if wanted.health is None else Health.STARTING
            running = {"phase": Phase.RUNNING, "pid": os.getpid(), "exit_code": None}
            running["address"] = ADDRESS
            self.put(one, **running, started_at=1.0, health=health)

    def stop(self, reference, grace_s, cancel):
        self._call("stop", reference)
        with self._lock:
            one = self._find(reference)
            if one is not None and one.phase is Phase.RUNNING:
                self.put(one, phase=Phase.EXITED, exit_code=137, pid=None, address=None)

    def remove(self, reference):
        self._call("remove", reference)
        with self._lock:
            one = self._find(reference)
            if one is not None:
                del self._by_name[one.name]
                del self._image_of[one.name]

    def leftovers(self):
        self._call("leftovers", "")
        return tuple(self.left)

    def images(self):
        self._call("images", "")
        return tuple(
            StoredImage(id=_id_of(name), names=(name,), size_bytes=1000)
            for name in sorted(self.stored)
        )

    def remove_image(self, reference):
        self._call("remove image", reference)
        with self._lock:
            for name in [one for one in self.stored if reference in (one, _id_of(one))]:
                users = [one for one, image in self._image_of.items() if image == name]
                if users:
                    reason = f"image {reference} is in use by container {users[0]}"
                    raise RuntimeFailure(Failure.OTHER, reason)
                self.stored.discard(name)

    def write(self, name, *written):
        """Have a container write something."""
        with self._wrote:
            self.written.setdefault(name, []).extend(written)
            self._wrote.notify_all()

    def logs(self, reference, wish, cancel):
        self._call("logs", reference)
        name = self._found(reference).name
        kept = self.written.get(name, [])
        at = 0 if wish.tail is None else max(0, len(kept) - wish.tail)

        def wake():
            with self._wrote:
                self._wrote.notify_all()

        with cancel.waking(wake):
            while True:
                with self._wrote:
                    fresh = self.written.get(name, [])[at:]
                    if not fresh and (cancel.asked or not wish.follow):
                        break
                    if not fresh:
                        self._wrote.wait(60)
                at += len(fresh)
                yield from fresh

    def execute(self, reference, program, cancel, told):
        """Do what `cat`, `sleep` and `sh -c exit` do, and no more."""
        command = program.command
        self._call("execute", (reference, command))
        program.noted(f"{reference} {command[0]}")
        if self._found(reference).phase is not Phase.RUNNING:
            raise RuntimeFailure(Failure.OTHER, f"{reference} does not run")
        if command[0] == "/bin/cat":
            for one in program.input:
                told(Written("out", one if isinstance(one, bytes) else repr(one).encode()))
            return 0
        if command[0] == "/bin/sleep":
            woken = threading.Event()
            with cancel.waking(woken.set):
                woken.wait(60)
            raise Cancelled
        if command[:2] == ("/bin/sh", "-c") and command[2].startswith("exit "):
            return int(command[2].removeprefix("exit "))
        raise RuntimeFailure(Failure.OTHER, f"running {command[0]}: no such file")

    def end_program(self, token):
        self._call("end_program", token)

    def usage(self, reference):
        self._call("usage", reference)
        one = self._find(reference)
        if one is None or one.phase is not Phase.RUNNING:
            return None
        return Usage(container=one.container, cpu_s=0.25, memory_bytes=2**20, processes=1)

    def checked(self, reference):
        self._call("checked", reference)
        one = self._find(reference)
        return CheckResult(Health.NONE) if one is None else CheckResult(one.health)

    def put(self, one, **changes):
        """Change a container behind the executor's back."""
        with self._lock:
            self._by_name[one.name] = dataclasses.replace(one, **changes)

    def _published(self, port, name):
        others = (one for one in self._by_name.values() if one.name != name)
        return any(port in one.ports for one in others if one.phase is Phase.RUNNING)

    def _find(self, reference):
        for one in self._by_name.values():
            if reference in (one.name, one.id):
                return one
        return None

    def _found(self, reference):
        one = self._find(reference)
        if one is None:
            raise RuntimeFailure(Failure.NOT_FOUND, f"starting {reference}: no such container")
        return one


def _id_of(name):
    return hashlib.sha256(name.encode()).hexdigest()
