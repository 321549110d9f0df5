"""What a container gets of its order beside its image: files, and secrets opened on this box.

The only place that opens secrets. What it raises names them and says nothing of their content.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable

from skerry_executor import files
from skerry_executor.actual import Actual
from skerry_executor.files import Owner
from skerry_executor.log import log
from skerry_executor.runtimes.base import Credentials, Failure, RuntimeFailure
from skerry_executor.sealing import SealingError, SealingKey, load_or_make
from skerry_executor.specs import spec_of
from skerry_wire.images import ImageError, parse_image
from skerry_wire.lifecycle import File, Sealed
from skerry_wire.workload import Container, Instance, Mount


class Contents:
    """Of one box. `state` is the executor's folder, in which the files lie; None: there is none."""

    def __init__(self, state: pathlib.Path | None) -> None:
        self._state = state
        self._key: SealingKey | None = None

    def check(self, container: Container) -> None:
        """Raise RuntimeFailure where a secret of the container cannot be opened here."""
        for file in container.files:
            self._content(file)
        self._environment(container)

    def given(self, instance: Instance, container: Container) -> Container:
        """Return the container with its files mounted and its secrets in its environment.

        Raises RuntimeFailure.
        """
        if not (container.files or container.secret_environment):
            return container
        return dataclasses.replace(
            container,
            mounts=(*container.mounts, *self._mounts(instance, container)),
            environment={**container.environment, **self._environment(container)},
            files=(),
            secret_environment={},
        )

    def _mounts(self, instance: Instance, container: Container) -> tuple[Mount, ...]:
        folder = files.folder_of(self._folder(), _owner(instance, container))
        found = []
        for number, file in enumerate(container.files):
            content = self._content(file)
            try:
                path = files.written(folder, number, file, content)
            except OSError as error:
                kind = Failure.DISK_FULL if _is_full(error) else Failure.OTHER
                reason = f"the file for {file.path} cannot be written: {error.strerror}"
                raise RuntimeFailure(kind, reason) from None
            found.append(Mount(kind="bind", source=str(path), target=file.path, read_only=True))
        return tuple(found)

    def _folder(self) -> pathlib.Path:
        if self._state is None:
            raise RuntimeFailure(Failure.OTHER, "this executor keeps no files and opens no secrets")
        return self._state

    def _content(self, file: File) -> bytes:
        return file.content if file.secret is None else self._opened(file.secret)

    def _environment(self, container: Container) -> dict[str, str]:
        found = {}
        for name, sealed in container.secret_environment.items():
            content = self._opened(sealed)
            with contextlib.suppress(UnicodeDecodeError):
                found[name] = content.decode()
            if "\0" in found.get(name, "\0"):
                reason = f"secret {sealed.name} is not a text, which the variable {name} needs"
                raise RuntimeFailure(Failure.OTHER, reason)
        return found

    def _opened(self, sealed: Sealed) -> bytes:
        try:
            if self._key is None:
                self._key = load_or_make(self._folder())
            return self._key.open(sealed)
        except SealingError as error:
            raise RuntimeFailure(Failure.OTHER, str(error)) from None

    def credentials(self, instances: Iterable[Instance], image: str) -> Credentials | None:
        """Return what an image, given in full, is pulled with; None where nothing is said.

        Raises RuntimeFailure.
        """
        for container in (one for instance in instances for one in instance.containers):
            if container.credentials is None or not _is_of(container, image):
                continue
            sealed = container.credentials
            user, colon, password = self._opened(sealed).partition(b":")
            try:
                if colon:
                    return Credentials(user.decode(), password.decode())
            except UnicodeDecodeError:
                pass
            reason = f"secret {sealed.name} is not credentials as user:password"
            raise RuntimeFailure(Failure.PULL, reason)
        return None

    def mend(self, instances: Iterable[Instance]) -> None:
        """Write again what files of these instances' containers are not there any more.

        What runs has them still; what is started anew would not come up without.
        """
        if self._state is None:
            return
        for instance in instances:
            for container in instance.containers:
                folder = files.folder_of(self._state, _owner(instance, container))
                if not container.files or not files.missing(folder, len(container.files)):
                    continue
                try:
                    self._mounts(instance, container)
                except RuntimeFailure as failure:
                    log("warning", "files are missing", instance=instance.id,
                        container=container.name, reason=failure.reason)  # fmt: skip

    def tidy(self, instances: Iterable[Instance], actual: Iterable[Actual]) -> None:
        """Remove the files of containers that are neither wanted nor on the box."""
        if self._state is None:
            return
        wanted = {_owner(one, container) for one in instances for container in one.containers}
        there = {Owner(one.instance, one.container, one.spec) for one in actual}
        files.remove_others(self._state, wanted | there)


NOWHERE = Contents(None)


def _owner(instance: Instance, container: Container) -> Owner:
    return Owner(instance.id, container.name, spec_of(instance, container))


def _is_of(container: Container, image: str) -> bool:
    try:
        return parse_image(container.image).full == image
    except ImageError:
        return False


def _is_full(error: OSError) -> bool:
    import errno  # noqa: PLC0415

    return error.errno in (errno.ENOSPC, errno.EDQUOT)
