"""An instance as a static pod: its manifest. Pure.

A static pod is run without any API server, so nothing in it may refer to one: no Secret, no
ConfigMap, no service account. Fields: https://kubernetes.io/docs/reference/kubernetes-api
"""

from __future__ import annotations

import hashlib
import math
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skerry_executor import specs
from skerry_executor.runtimes.health_command import words_of
from skerry_wire.frozen import frozen
from skerry_wire.runtime_limits import init_conditions
from skerry_wire.workload import Container, DeviceMapping, HealthCheck, Instance, Mount, PortMapping

Plain = dict[str, Any]

CONTAINERS = "io.skerry/containers"
"""The annotation that tells what each container of the pod was made from."""

NAMESPACE = "default"
REQUEST_PART = 10
"""A pod asks for a tenth of its limits: shares stay in their proportion, and the kubelet, which
knows nothing of the hub's own accounts, has no reason to turn the pod away."""


@frozen(kw_only=True)
class Entry:
    """A container's part of a pod. `first`: others wait for it, so that it is an init container."""

    container: Plain
    volumes: Sequence[Plain]
    first: bool = False


def frame_of(instance: Instance) -> Plain:
    """Return what the pod's containers have in common, as fields of its spec."""
    containers = instance.containers
    first = containers[0]
    waits = init_conditions(containers)
    restart = next((one.restart for one in containers if one.name not in waits), first.restart)
    return {
        "restartPolicy": {"always": "Always", "on-failure": "OnFailure", "no": "Never"}[restart],
        "hostname": instance.id[:63].rstrip("-"),
        "hostNetwork": first.network == "host",
        "hostPID": first.pid == "host",
        "hostIPC": first.ipc == "host",
        "terminationGracePeriodSeconds": max(math.ceil(one.stop_grace_s) for one in containers),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "dnsPolicy": "Default",
    }


def init_order(instance: Instance) -> tuple[tuple[str, str], ...]:
    """Return those that others wait for, and how far they must have come, in the order to start.

    Those that must complete are init containers; those that must be healthy are init containers
    that keep running, with a startup probe (Kubernetes 1.29 and later).
    """
    waits = init_conditions(instance.containers)
    after = {
        one.name: [wait.container for wait in one.after if wait.container in waits]
        for one in instance.containers
    }
    done: list[str] = []
    left = [one.name for one in instance.containers if one.name in waits]
    while left:
        # What waits in a circle is begun in the order of the file: the hub has refused it before.
        ready = [name for name in left if all(other in done for other in after[name])] or left[:1]
        done.append(ready[0])
        left.remove(ready[0])
    return tuple((name, waits[name]) for name in done)


def container_of(image: str, container: Container, condition: str | None = None) -> Plain:
    """Return a container as an entry of the pod's spec, without its mounts.

    `condition` is how far it must have come before others start; None: nobody waits for it.
    """
    plain: Plain = {
        "name": container.name,
        "image": image,
        # What is pulled is pulled before, with credentials; a kubelet has none of ours.
        "imagePullPolicy": "Never" if container.pull == "never" else "IfNotPresent",
        "env": [
            {"name": name, "value": _literal(value)}
            for name, value in sorted(container.environment.items())
        ],
        "securityContext": _security(container),
    }
    if container.entrypoint is not None:
        plain["command"] = [_literal(word) for word in container.entrypoint]
    if container.command is not None:
        plain["args"] = [_literal(word) for word in container.command]
    if container.working_dir is not None:
        plain["workingDir"] = container.working_dir
    if container.ports and container.network != "host":
        plain["ports"] = [_port(port) for port in container.ports]
    limits = _amounts(container, 1)
    if limits:
        plain["resources"] = {"limits": limits, "requests": _amounts(container, REQUEST_PART)}
    if condition == "completed":
        return plain
    probe = _probe(container.health)
    if probe is not None:
        plain["readinessProbe"] = probe
    if condition is not None:
        plain["restartPolicy"] = "Always"
    if condition == "healthy" and probe is not None and container.health is not None:
        tries = container.health.start_period_s / probe["periodSeconds"]
        more = {"failureThreshold": container.health.retries + math.ceil(tries)}
        plain["startupProbe"] = {**probe, **more}
    return plain


def _port(port: PortMapping) -> Plain:
    plain: Plain = {
        "containerPort": port.container,
        "hostPort": port.host,
        "protocol": port.protocol.upper(),
    }
    return {**plain, "hostIP": port.host_ip} if port.host_ip else plain


def _amounts(container: Container, part: int) -> Plain:
    amounts: Plain = {}
    if container.cpu_limit_milli is not None:
        amounts["cpu"] = f"{max(1, container.cpu_limit_milli // part)}m"
    if container.memory_limit_bytes is not None:
        amounts["memory"] = str(container.memory_limit_bytes // part)
    return amounts


def _security(container: Container) -> Plain:
    plain: Plain = {"privileged": container.privileged}
    plain["readOnlyRootFilesystem"] = container.read_only
    if not container.privileged:
        plain["seccompProfile"] = {"type": "RuntimeDefault"}
    if container.cap_add or container.cap_drop:
        plain["capabilities"] = {
            "add": [name.removeprefix("CAP_") for name in container.cap_add],
            "drop": [name.removeprefix("CAP_") for name in container.cap_drop],
        }
    if container.user is not None:
        user, _, group = container.user.partition(":")
        plain["runAsUser"] = int(user)
        if group:
            plain["runAsGroup"] = int(group)
    return plain


def _probe(check: HealthCheck | None) -> Plain | None:
    """Return a health check as a probe."""
    if check is None:
        return None
    plain: Plain = {
        "periodSeconds": max(1, math.ceil(check.interval_s)),
        "timeoutSeconds": max(1, math.ceil(check.timeout_s)),
        "failureThreshold": check.retries,
    }
    words = words_of(check)
    if words:
        return {**plain, "exec": {"command": [_literal(word) for word in words]}}
    if check.http is not None:
        http = check.http
        target = {"path": http.path, "port": http.port, "scheme": http.scheme.upper()}
        return {**plain, "httpGet": target}
    if check.tcp is not None:
        return {**plain, "tcpSocket": {"port": check.tcp.port}}
    return None


def volumes_of(
    container: Container, named: str, mode_of: Callable[[str], int | None]
) -> tuple[list[Plain], list[Plain]]:
    """Return the volumes of the pod that a container needs, and its mounts.

    `named` is the folder of named volumes; `mode_of` returns a path's st_mode.
    """
    volumes: list[Plain] = []
    mounts: list[Plain] = []
    tag = hashlib.sha256(container.name.encode()).hexdigest()[:8]

    def add(source: Plain, target: str, read_only: bool = False) -> None:
        name = f"{tag}-{len(volumes)}"
        volumes.append({"name": name, **source})
        mounts.append({"name": name, "mountPath": target, "readOnly": read_only})

    for mount in container.mounts:
        add(_source(mount, named), mount.target, mount.read_only)
    for device in container.devices:
        add(_device(device, mode_of(device.host)), device.container)
    return volumes, mounts


def _source(mount: Mount, named: str) -> Plain:
    if mount.kind == "tmpfs":
        return {"emptyDir": {"medium": "Memory"}}
    if mount.kind == "bind":
        return {"hostPath": {"path": mount.source}}
    if not mount.source:
        return {"emptyDir": {}}
    return {"hostPath": {"path": f"{named}/{mount.source}", "type": "DirectoryOrCreate"}}


def _device(device: DeviceMapping, mode: int | None) -> Plain:
    kind = "BlockDevice" if mode is not None and stat.S_ISBLK(mode) else "CharDevice"
    return {"hostPath": {"path": device.host, "type": kind}}


def manifest(
    name: str,
    uid: str,
    labels: Mapping[str, str],
    told: str,
    frame: Plain,
    entries: Sequence[Entry],
) -> Plain:
    """Return the pod. `entries` come in the order to start.

    `told` is the text of the annotation CONTAINERS.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            # A label's value has 63 characters at most, which an instance's name may exceed.
            "labels": {specs.NODE: labels[specs.NODE], specs.WORKLOAD: labels[specs.WORKLOAD]},
            "annotations": {
                **{key: labels[key] for key in (specs.INSTANCE, specs.REVISION)},
                CONTAINERS: told,
            },
        },
        "spec": {
            **frame,
            "initContainers": [one.container for one in entries if one.first],
            "containers": [one.container for one in entries if not one.first],
            "volumes": [volume for one in entries for volume in one.volumes],
        },
    }


def _literal(text: str) -> str:
    """Return a text that the kubelet leaves as it is: it would replace $(NAME)."""
    return text.replace("$", "$$")
