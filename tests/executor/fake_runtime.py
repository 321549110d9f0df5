"""A container runtime in memory. test_contract holds it to what podman and docker do."""

import dataclasses
import os
import threading

from skerry_executor import specs
from skerry_executor.actual import Actual, HostPort, Phase
from skerry_executor.cancel import Cancelled
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.messages import Health


class FakeRuntime:
    """Holds containers by name. Everything that was asked for is in `calls`, in order."""

    name = "fake"
    whole_instances = False

    def __init__(self, images=(), registry=(), silent=(), ports_taken=()):
        self.images = set(images)
        self.registry = set(registry)
        self.silent = set(silent)
        self.ports_taken = set(ports_taken)
        self.fails = {}
        self.calls = []
        self.pulling = threading.Event()
        self._by_name = {}
        self._wanted = {}
        self._foreign = set()
        self._count = 0
        self._lock = threading.RLock()

    def _call(self, verb, subject):
        with self._lock:
            self.calls.append((verb, subject))
        failure = self.fails.get(verb)
        if failure is not None:
            raise failure

    def changes(self):
        """Return what was asked for that changes something."""
        with self._lock:
            return [one for one in self.calls if one[0] not in ("list", "look", "has")]

    def containers(self, node):
        self._call("list", node)
        with self._lock:
            return tuple(one for one in self._by_name.values() if one.node == node)

    def container(self, reference):
        self._call("look", reference)
        with self._lock:
            found = self._find(reference)
            return None if found is None or found.name in self._foreign else found

    def has_image(self, image):
        self._call("has", image)
        return image in self.images

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
        progress("1.0 of 2.0 MiB")
        self.images.add(image)

    def create(self, name, image, container, labels, instance):
        self._call("create", name)
        with self._lock:
            if name in self._by_name:
                raise RuntimeFailure(Failure.NAME_TAKEN, f"creating {name}: name in use")
            if image not in self.images:
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
            self.put(one, **running, started_at=1.0, health=health)

    def stop(self, reference, grace_s, cancel):
        self._call("stop", reference)
        with self._lock:
            one = self._find(reference)
            if one is not None and one.phase is Phase.RUNNING:
                self.put(one, phase=Phase.EXITED, exit_code=137, pid=None)

    def remove(self, reference):
        self._call("remove", reference)
        with self._lock:
            one = self._find(reference)
            if one is not None:
                del self._by_name[one.name]

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
