"""Does one action of a plan on the runtime. What an action is for, `reconcile` knows.

Each may be cut off at any point, and done again.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable

from skerry_executor import pulled_images
from skerry_executor import reconcile as rec
from skerry_executor.actual import Actual, Phase
from skerry_executor.backoffs import BackOffs
from skerry_executor.cancel import Cancel
from skerry_executor.contents import NOWHERE, Contents
from skerry_executor.exits import Exits
from skerry_executor.halt import OPEN, Gate
from skerry_executor.hardware import Node, text_of, with_nodes
from skerry_executor.mends import Mends
from skerry_executor.pulled_images import PulledImages
from skerry_executor.record import Record
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.specs import labels_of, name_of, spec_of, supervised
from skerry_wire.images import parse_image
from skerry_wire.lifecycle import PullStatus
from skerry_wire.messages import InstanceState
from skerry_wire.workload import Container, Instance

_IMAGE_ON_BOX_DOES = (Failure.PULL, Failure.DISK_FULL)
"""Where an image cannot be pulled for one of these, and there is one on the box, that is taken."""


def impossible(action: rec.Action) -> RuntimeFailure | None:
    """Return why an action cannot be done, None where it may be tried."""
    match action:
        case rec.Missing(reason=reason):
            return RuntimeFailure(Failure.NOT_FOUND, reason)
        case rec.Lacking(reason=reason):
            return RuntimeFailure(Failure.NO_DEVICE, reason)
    return None


class Steps:
    """The actions of one run. Calls may come from several threads, for an instance from one."""

    def __init__(  # noqa: PLR0913 - the parts of a run, which it shares
        self,
        node: str,
        runtime: Runtime,
        cancel: Cancel,
        record: Record,
        exits: Exits,
        object_to: Callable[[Container], RuntimeFailure | None],
        devices_of: Callable[[Container], tuple[Node, ...]],
        *,
        gate: Gate = OPEN,
        contents: Contents = NOWHERE,
        pulled: PulledImages = pulled_images.NOWHERE,
        mends: Mends | None = None,
        backoffs: BackOffs | None = None,
        no_room: Callable[[], str | None] = lambda: None,
        make_durable: Callable[[], None] = os.sync,
    ) -> None:
        self._node = node
        self._runtime = runtime
        self._cancel = cancel
        self._record = record
        self._exits = exits
        self._object_to = object_to
        self._devices_of = devices_of
        self._gate = gate
        self._contents = contents
        self._pulled = pulled
        self._mends = Mends(None) if mends is None else mends
        self._backoffs = backoffs or BackOffs()
        self._no_room = no_room
        # No runtime waits until its store is on the disk: after a power cut within seconds of a
        # change, podman cannot even list what it has.
        self._make_durable = make_durable
        self._damaged: set[str] = set()
        self._renewing = threading.Lock()

    def check_box(self, container: Container) -> None:
        """Raise RuntimeFailure where the box has something against a container now."""
        found = self._object_to(container)
        if found is not None:
            raise found
        self._devices_of(container)
        self._contents.check(container)

    def do(self, instance: str, action: rec.Action) -> None:
        """Do one action. Raises RuntimeFailure and Cancelled."""
        try:
            self._do(instance, action)
        except RuntimeFailure as failure:
            raise self._named(instance, failure) from None

    def _named(self, instance: str, failure: RuntimeFailure) -> RuntimeFailure:
        """Return the failure with the names of an instance's containers, and not their ids.

        One failure is to have one text, whether a container is started by its name or its id.
        """
        reason = failure.reason
        for one in self._record.actual():
            if one.instance == instance:
                reason = reason.replace(one.id, one.name)
        return RuntimeFailure(failure.kind, reason, failure.wait_s)

    def _do(self, instance: str, action: rec.Action) -> None:
        failure = impossible(action)
        if failure is not None:
            raise failure
        match action:
            case rec.Pull():
                self._pull(instance, action)
            case rec.Stop(actual=actual):
                if actual.id not in self._backoffs.resting():
                    self._record.doing(instance, InstanceState.STOPPING)
                self._stop(instance, actual)
            case rec.Remove(actual=actual):
                self._record.doing(instance, InstanceState.STOPPING)
                self._remove(actual)
            case rec.Create(instance=wanted, container=container):
                self._record.doing(instance, InstanceState.CREATING)
                self._create(wanted, container)
            case rec.Start(reference=reference):
                if reference not in self._backoffs.looping():
                    # Of what keeps ending, each try would be two changes to tell.
                    self._record.doing(instance, InstanceState.CREATING)
                self._start(instance, reference)
            case rec.Keep() | rec.Await():
                pass

    def _pull(self, instance: str, action: rec.Pull) -> None:
        try:
            with self._backoffs.pulling(action.image, self._record.instances):
                self._record.pulling(instance, PullStatus(image=action.image), action.image)
                self._fetch(instance, action.image)
        except RuntimeFailure as failure:
            if not action.cached or failure.kind not in _IMAGE_ON_BOX_DOES:
                raise
            # Neither a registry that is away nor a full disk keeps a box from starting what it has.
            self._record.log("using the image on the box", action.image, failure.reason)
            return
        self._record.log("pulled", action.image)

    def _fetch(self, instance: str, image: str, damaged: str | None = None) -> None:
        """Pull an image. `damaged` is a container that shows that what the box has of it is."""

        def told(done_bytes: int, total_bytes: int) -> None:
            words = f"{image}: {done_bytes / 2**20:.1f} of {total_bytes / 2**20:.1f} MiB"
            self._record.pulling(instance, PullStatus(image=image, done_bytes=done_bytes), words)

        lack = self._no_room()
        if lack is not None:
            raise RuntimeFailure(Failure.DISK_FULL, f"image {image} is not pulled: {lack}")
        credentials = self._contents.credentials(self._record.instances, image)
        runtime, cancel, broken = self._runtime, self._cancel, False
        with self._pulled.pulling(runtime, image, self._make_durable) as was_cut_off:
            try:
                runtime.pull(image, credentials, cancel, told)
            except RuntimeFailure as failure:
                if failure.kind is not Failure.DAMAGED:
                    raise
                broken = True
            doubtful = broken or (was_cut_off and self._pulled.is_doubtful(runtime, image))
            if not doubtful and damaged is None:
                return
            # A pull takes layers that are there as they are; by now the registry is known to be.
            if damaged is not None:
                runtime.remove(damaged)
            try:
                runtime.remove_image(image)
            except RuntimeFailure as failure:
                if damaged is not None:
                    raise
                self._record.log("may be damaged, and is in use", image, failure.reason)
                return
            self._record.log("pulling anew", image)
            runtime.pull(image, credentials, cancel, told)

    def _create(self, instance: Instance, container: Container) -> None:
        name = name_of(instance.id, container.name)
        try:
            self._create_once(name, instance, container)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.NAME_TAKEN:
                raise
            self._take_over(name, instance, container, failure)

    def _create_once(self, name: str, instance: Instance, container: Container) -> None:
        self.check_box(container)
        nodes = self._devices_of(container)
        labels = labels_of(self._node, instance, container, text_of(nodes))
        image = parse_image(container.image).full
        given = self._contents.given(instance, supervised(instance, container))
        spec = with_nodes(given, nodes)
        if not self._is_made(name, image, spec, labels, instance):
            self._renew(instance, container, name, image)
            self._runtime.create(name, image, spec, labels, instance)
        self._make_durable()
        self._backoffs.made(name)
        self._record.log("created", name, text_of(nodes) or None)
        # It will stand there for a while, until what it starts after has come so far.
        made = self._runtime.container(name) if container.after else None
        if made is not None:
            self._record.put(made)

    def _is_made(
        self, name: str, image: str, spec: Container, labels: dict[str, str], instance: Instance
    ) -> bool:
        """Make a container; say whether it is one, and not as damaged as the image it is of."""
        try:
            self._runtime.create(name, image, spec, labels, instance)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.DAMAGED:
                raise
            self._record.log("damaged", image, failure.reason)
            return False
        return name not in self._damaged or self._is_good(name)

    def _is_good(self, name: str) -> bool:
        try:
            self._runtime.container(name)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.DAMAGED:
                raise
            return False
        return True

    def _renew(self, instance: Instance, container: Container, name: str, image: str) -> None:
        """Fetch an image anew, and remove the damaged container that was made of it again.

        Where the image cannot be had that container stays, by which the next run knows.
        """
        if parse_image(container.image).local or container.pull == "never":
            reason = f"image {image} is damaged on this box, and is never pulled: remove it"
            raise RuntimeFailure(Failure.DAMAGED, reason)
        try:
            with self._renewing:
                self._fetch(instance.id, image, damaged=name)
        except RuntimeFailure as failure:
            reason = f"image {image} is damaged on this box: {failure.reason}"
            raise RuntimeFailure(Failure.DAMAGED, reason) from None

    def _take_over(
        self, name: str, instance: Instance, container: Container, failure: RuntimeFailure
    ) -> None:
        """Adopt what has the name if it has the spec; replace it if it is ours; else give up."""
        found = self._runtime.container(name)
        if found is None or found.node != self._node:
            reason = f"a container that is not ours has the name {name}: {failure.reason}"
            raise RuntimeFailure(Failure.NAME_TAKEN, reason)
        if found.spec == spec_of(instance, container) and found.phase is not Phase.REMOVING:
            self._record.log("adopted", name)
            return
        self._runtime.stop(found.id, found.stop_grace_s, self._cancel)
        self._remove(found)
        self._create_once(name, instance, container)

    def _remove(self, actual: Actual) -> None:
        try:
            self._runtime.remove(actual.id)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.JOINED:
                raise
            self._remove_joined(actual)
            self._runtime.remove(actual.id)
        if actual.phase is Phase.DAMAGED:
            self._damaged.add(name_of(actual.instance, actual.container))
            self._record.log("damaged", actual.name, actual.error)
        self._record.gone(actual.id)
        self._record.log("removed", actual.name)

    def _remove_joined(self, owner: Actual) -> None:
        """Remove who has the network of a container that goes: it could not be started again."""
        for one in self._runtime.containers(self._node):
            if one.instance == owner.instance and one.joins(owner):
                self._runtime.stop(one.id, one.stop_grace_s, self._cancel)
                self._runtime.remove(one.id)
                self._record.gone(one.id)
                self._record.log("removed", one.name, f"it has the network of {owner.name}")

    def _stop(self, instance: str, actual: Actual) -> None:
        self._runtime.stop(actual.id, actual.stop_grace_s, self._cancel)
        if actual.phase is not Phase.EXITED:
            self._record.log("stopped", actual.name)
        # Of a halted instance the container stays, and how it ended is told; so one that rests.
        stays = instance in self._gate.halts or actual.id in self._backoffs.resting()
        found = self._runtime.container(actual.id) if stays else None
        if found is not None:
            self._record.put(found)

    def _start(self, instance: str, reference: str) -> None:
        try:
            self._begin(instance, reference)
        except RuntimeFailure as failure:
            found = self._wanted(instance, reference)
            if failure.kind is not Failure.DAMAGED or found is None:
                raise
            reference = self._start_anew(*found, failure)
        started = self._runtime.container(reference)
        if started is None:
            raise RuntimeFailure(Failure.OTHER, f"{reference} vanished while it was started")
        self._backoffs.started(started)
        self._record.put(started)
        self._record.log("started", started.name)
        self._exits.watch((started,), fresh=True)

    def _begin(self, instance: str, reference: str) -> None:
        # Asked each time: an image that was pulled in between may have taken hours.
        against = self._gate.permit(instance)
        if against is not None:
            raise RuntimeFailure(Failure.NOT_PERMITTED, against)
        with self._backoffs.starting(self._name_of(reference)):
            self._runtime.start(reference)

    def _wanted(self, instance: str, reference: str) -> tuple[Instance, Container] | None:
        """Return the container that is started by id or name, as it is to be.

        None where the runtime makes nothing of an instance without the rest of it.
        """
        if self._runtime.whole_instances:
            return None
        name = self._name_of(reference)
        found = [
            (one, container)
            for one in self._record.instances
            for container in one.containers
            if one.id == instance and name_of(one.id, container.name) == name
        ]
        # The last: what the instance is to be by now, where that is not what the order says.
        return found[-1] if found else None

    def _start_anew(self, instance: Instance, container: Container, failure: RuntimeFailure) -> str:
        """Make and start one whose layers are damaged anew; of a new image where that is why."""
        name = name_of(instance.id, container.name)
        if not self._mends.count(name, spec_of(instance, container)):
            times = "since the box started, it was made anew as often as it may be"
            raise RuntimeFailure(Failure.DAMAGED, f"{failure.reason}; {times}")
        # Told as a failure, so that there is an event of it.
        self._record.doing(instance.id, InstanceState.FAILED, f"made anew: {failure.reason}")
        self._record.log("damaged", name, failure.reason)
        self._drop(instance, name)
        self._record.doing(instance.id, InstanceState.CREATING)
        self._create_once(name, instance, container)
        try:
            self._begin(instance.id, name)
        except RuntimeFailure as again:
            if again.kind is not Failure.DAMAGED:
                raise
            self._renew(instance, container, name, parse_image(container.image).full)
            self._create_once(name, instance, container)
            self._begin(instance.id, name)
        return name

    def _drop(self, instance: Instance, name: str) -> None:
        """Remove a damaged container, and who has its network, which it would keep."""
        found = next((one for one in self._record.actual() if one.name == name), None)
        if found is not None and found.instance == instance.id:
            self._remove(dataclasses.replace(found, phase=Phase.DAMAGED))
            return
        self._damaged.add(name)
        self._runtime.remove(name)

    def _name_of(self, reference: str) -> str:
        named = (one.name for one in self._record.actual() if one.id == reference)
        return next(named, reference)
