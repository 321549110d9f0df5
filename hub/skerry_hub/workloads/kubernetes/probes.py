"""The probes of a container into its one health check. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_hub.workloads.kubernetes.pod_keys import EXEC, HTTP_GET, PROBE, TCP_SOCKET
from skerry_hub.workloads.kubernetes.scalars import string
from skerry_hub.workloads.kubernetes.values import count, one_of, only, unreplaced
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Reader, Section, Value, listed, literal
from skerry_wire.lifecycle import HttpProbe, TcpProbe
from skerry_wire.workload import HealthCheck

DAY_S = 86400
_ASKS = ("command", "http", "tcp")
_OTHER = "asks something else than {}, and a container has one health check: remove it"
_FORMS = ("exec", "httpGet", "tcpSocket")


def health(section: Section, ports: Mapping[str, int]) -> HealthCheck | None:
    """Return the health check of a container; `ports` are its own by name."""

    def read(value: Value) -> HealthCheck:
        return _probe(value, ports)

    ready: HealthCheck | None = section.get("readinessProbe", read, None)
    alive: HealthCheck | None = section.get("livenessProbe", read, None)
    starting: HealthCheck | None = section.get("startupProbe", read, None)
    if alive is not None:
        section.warn("livenessProbe", "gates updates and is told as health; nothing is restarted")
    found = ready or alive
    if ready is not None and alive is not None and _asks(ready) != _asks(alive):
        section.refuse("livenessProbe", _OTHER.format("the readinessProbe"))
    if starting is None:
        return found
    if found is None:
        section.refuse("startupProbe", "stands alone: write a readinessProbe")
        return None
    if _asks(starting) != _asks(found):
        section.refuse("startupProbe", _OTHER.format("the other probe"))
    start_s = starting.start_period_s + starting.interval_s * starting.retries
    return dataclasses.replace(found, start_period_s=min(start_s, float(DAY_S)))


def _asks(check: HealthCheck) -> tuple[object, ...]:
    return tuple(getattr(check, field) for field in _ASKS)


def _probe(value: Value, ports: Mapping[str, int]) -> HealthCheck:
    read = one_of(value, PROBE, _FORMS)
    if read is None:
        return HealthCheck(command=("NONE",))
    section, _ = read
    section.get("successThreshold", only("1"), None)
    command = section.get("exec", _exec, ())
    return HealthCheck(
        command=("CMD", *command) if command else (),
        http=section.get("httpGet", lambda one: _http(one, ports), None),
        tcp=section.get("tcpSocket", lambda one: _tcp(one, ports), None),
        interval_s=float(section.get("periodSeconds", count(1, DAY_S), 10)),
        timeout_s=float(section.get("timeoutSeconds", count(1, DAY_S), 1)),
        start_period_s=float(section.get("initialDelaySeconds", count(0, DAY_S), 0)),
        retries=section.get("failureThreshold", count(1, 1000), 3),
    )


def _exec(value: Value) -> tuple[str, ...]:
    found = Section(value, EXEC).need("command", listed(unreplaced), ())
    if not found:
        raise RefusedError("needs a command")
    return found


def _http(value: Value, ports: Mapping[str, int]) -> HttpProbe:
    section = Section(value, HTTP_GET)
    scheme = section.get("scheme", only("HTTP", "HTTPS"), "HTTP")
    return HttpProbe(
        port=section.need("port", _port(ports), 1),
        path=section.get("path", _path, "/"),
        scheme="https" if scheme == "HTTPS" else "http",
    )


def _path(value: Value) -> str:
    written = string(value)
    found = written if written.startswith("/") else f"/{written}"
    if len(found) > 1024 or not found.isprintable() or " " in found:
        raise RefusedError(f"{short(written)} is not a path like /ready")
    return found


def _tcp(value: Value, ports: Mapping[str, int]) -> TcpProbe:
    return TcpProbe(port=Section(value, TCP_SOCKET).need("port", _port(ports), 1))


def _port(ports: Mapping[str, int]) -> Reader[int]:
    def read(value: Value) -> int:
        written = literal(value)
        return ports[written] if written in ports else count(1, 65535)(value)

    return read
