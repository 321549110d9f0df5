"""The volumes of a pod, and what a container mounts of them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from skerry_hub.workloads.kubernetes.pod_keys import (
    CLAIM,
    EMPTY_DIR,
    FILES,
    HOST_PATH,
    ITEM,
    MOUNT,
    VOLUME,
)
from skerry_hub.workloads.kubernetes.references import ConfigMaps, no_config_map, secret_of
from skerry_hub.workloads.kubernetes.scalars import string
from skerry_hub.workloads.kubernetes.values import flag, mode, name, one_of, only
from skerry_hub.workloads.mounts import inner_path, outer_path, volume_name
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Placed,
    Section,
    Value,
    attempt,
    below,
    items,
    placed,
)
from skerry_wire.lifecycle import File, Sealed
from skerry_wire.workload import DeviceMapping, Mount

CONFIG_MODE = 0o644
SECRET_MODE = 0o400
_SORTS = ("configMap", "secret", "emptyDir", "hostPath", "persistentVolumeClaim")
_PATH_TYPES = ("", "Directory", "File", "Socket", "CharDevice")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What one volume is: files, a mount (of which the target is not known yet), or a device."""

    files: tuple[Placed[File], ...] = ()
    """Their paths are below where it is mounted, as `/app.toml`."""
    mount: Mount | None = None
    device: str | None = None


@dataclasses.dataclass(slots=True)
class Mounted:
    """What a container gets at its paths."""

    files: list[Placed[File]] = dataclasses.field(default_factory=list)
    paths: list[Value] = dataclasses.field(default_factory=list)
    """Of each file, where its path in the container is written."""
    mounts: list[Mount] = dataclasses.field(default_factory=list)
    devices: list[DeviceMapping] = dataclasses.field(default_factory=list)


def volumes(value: Value, workload: str, project: str, configs: ConfigMaps) -> dict[str, Volume]:
    """Read a pod's volumes by name."""
    found: dict[str, Volume] = {}
    for item in items(value):
        read = one_of(item, VOLUME, _SORTS)
        if read is None:
            continue
        section, sort = read
        called = section.need("name", name, "")
        if called in found:
            item.refuse(f"the volume {short(called)} is given twice")
        found[called] = _volume(section, sort, called, workload, project, configs)
    return found


def _volume(
    section: Section, sort: str, called: str, workload: str, project: str, configs: ConfigMaps
) -> Volume:
    def claim(value: Value) -> Volume:
        inner = Section(value, CLAIM)
        source = volume_name(f"{project}_{inner.need('claimName', name, 'x')}")
        read_only = inner.get("readOnly", flag, default=False)
        return Volume(mount=Mount(kind="volume", source=source, target="/", read_only=read_only))

    def empty(value: Value) -> Volume:
        inner = Section(value, EMPTY_DIR, empty_ok=True)
        if "sizeLimit" in inner:
            inner.warn("sizeLimit", "is not enforced: it may take what the box has")
        if inner.get("medium", only("", "Memory"), "") == "Memory":
            return Volume(mount=Mount(kind="tmpfs", target="/"))
        return Volume(
            mount=Mount(kind="volume", source=volume_name(f"{workload}_{called}"), target="/")
        )

    readers = {
        "configMap": lambda one: Volume(files=_config_files(one, configs)),
        "secret": lambda one: Volume(files=_secret_files(one)),
        "emptyDir": empty,
        "hostPath": _host_path,
        "persistentVolumeClaim": claim,
    }
    return section.get(sort, readers[sort], Volume())


def _host_path(value: Value) -> Volume:
    section = Section(value, HOST_PATH)
    path = section.need("path", lambda one: outer_path(string(one)), "/")
    sort = section.get("type", only(*_PATH_TYPES), "")
    if sort == "CharDevice":
        return Volume(device=path)
    return Volume(mount=Mount(kind="bind", source=path, target="/"))


def _config_files(value: Value, configs: ConfigMaps) -> tuple[Placed[File], ...]:
    section = Section(value, FILES)
    section.get("optional", only("false"), None)
    called = section.need("name", name, "")
    usual = section.get("defaultMode", mode, CONFIG_MODE)
    content = configs.content_of(called)
    if content is None:
        if called:
            section.refuse("name", no_config_map(called))
        return ()
    wanted = section.get("items", placed(_item), None)
    if wanted is None:
        wanted = tuple((value, (key, f"/{key}", None)) for key in content)
    for place, (key, _, _) in wanted:
        if key and key not in content:
            at = below(place, "key") or place
            at.refuse(f"the ConfigMap {short(called)} has no key {short(key)}")
    return tuple(
        (place, File(path=path, content=content[key], mode=usual if own is None else own))
        for place, (key, path, own) in wanted
        if key in content
    )


def _secret_files(value: Value) -> tuple[Placed[File], ...]:
    section = Section(value, FILES)
    section.get("optional", only("false"), None)
    called = section.need("secretName", name, "x")
    usual = section.get("defaultMode", mode, SECRET_MODE)
    if section.at("items") is None:
        raise RefusedError("needs items: which keys of the secret, and as which files")
    wanted = section.get("items", placed(_item), ())
    return tuple(
        (
            below(place, "key") or place,
            File(path=path, secret=_sealed(place, called, key), mode=usual if own is None else own),
        )
        for place, (key, path, own) in wanted
    )


def _sealed(place: Value, called: str, key: str) -> Sealed:
    found = attempt(place, lambda _: secret_of(called, key or "x"))
    return found or Sealed(name="x")  # of what is wrong, which is told


def _item(value: Value) -> tuple[str, str, int | None]:
    section = Section(value, ITEM)
    path = section.need("path", lambda one: inner_path(f"/{name(one)}"), "/x")
    return section.need("key", name, ""), path, section.get("mode", mode, None)


def mounted(value: Value, known: Mapping[str, Volume]) -> Mounted:
    """Read what a container mounts."""
    found = Mounted()
    for item in items(value):
        section = attempt(item, lambda one: Section(one, MOUNT))
        if section is None:
            continue
        called = section.need("name", name, "")
        path = section.need("mountPath", lambda one: inner_path(string(one)), "/x")
        read_only = section.get("readOnly", flag, default=False)
        sub: str | None = section.get("subPath", name, None)
        volume = known.get(called)
        if volume is None:
            section.refuse("name", f"the pod has no volume {short(called)}")
            continue
        _mount(section, volume, path, read_only, sub, found)
    return found


def _mount(
    section: Section, volume: Volume, path: str, read_only: bool, sub: str | None, into: Mounted
) -> None:
    if volume.mount is not None:
        if sub is not None:
            section.refuse("subPath", "is only for a configMap or secret")
        read_only = read_only or volume.mount.read_only
        into.mounts.append(dataclasses.replace(volume.mount, target=path, read_only=read_only))
    elif volume.device is not None:
        into.devices.append(DeviceMapping(host=volume.device, container=path))
    else:
        found = list(_below(volume.files, path, sub))
        if sub is not None and not found:
            section.refuse("subPath", f"the volume has no file {short(sub)}")
        into.files += found
        into.paths += [section.at("mountPath") or section.value] * len(found)


def _below(files: tuple[Placed[File], ...], path: str, sub: str | None) -> Iterator[Placed[File]]:
    for place, one in files:
        if sub is None:
            yield place, dataclasses.replace(one, path=f"{path}{one.path}")
        elif one.path == f"/{sub}":
            yield place, dataclasses.replace(one, path=path)
