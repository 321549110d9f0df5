"""Requests for whole accelerators. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from skerry_hub.terms import DeviceRequest
from skerry_hub.workloads.keys import ACCELERATOR
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Reader, Section, Value, listed, text, whole, word

Kind = Literal["gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu"]

MAX_COUNT = 128
_KINDS: Mapping[str, Kind] = {
    "gpu": "gpu",
    "npu": "npu",
    "tpu": "tpu",
    "vpu": "vpu",
    "fpga": "fpga",
    "dsp": "dsp",
    "dpu": "dpu",
}
_ALL = "all is not supported: nodes differ in how many they have; write a number"


def accelerators(value: Value) -> tuple[DeviceRequest, ...]:
    """Read the devices of a reservation."""
    return merged(listed(_request(None))(value))


def gpus(value: Value) -> tuple[DeviceRequest, ...]:
    """Read a service's `gpus`: a number, or a list of requests of which each is for a GPU."""
    if not value.is_scalar:
        return merged(listed(_request("gpu"))(value))
    return (DeviceRequest(kind="gpu", count=_count(value)),)


def merged(requests: tuple[DeviceRequest, ...]) -> tuple[DeviceRequest, ...]:
    """Return one request for each kind and vendor: no device answers two requests."""
    counts: dict[tuple[str, str | None], int] = {}
    for one in requests:
        counts[one.kind, one.vendor] = counts.get((one.kind, one.vendor), 0) + one.count
    return tuple(
        DeviceRequest(kind=kind, vendor=vendor, count=count)
        for (kind, vendor), count in counts.items()
    )


def _request(implied: Kind | None) -> Reader[DeviceRequest]:
    def read(value: Value) -> DeviceRequest:
        section = Section(value, ACCELERATOR)
        kind: Kind = implied or "gpu"
        if implied is None or "capabilities" in section:
            kind = section.need("capabilities", _kind, kind)
        if implied is not None and kind != implied:
            section.refuse("capabilities", f"must be [{implied}] here")
        return DeviceRequest(
            kind=kind,
            count=section.need("count", _count, 1),
            vendor=section.get("driver", word, None),
        )

    return read


def _kind(value: Value) -> Kind:
    words = listed(text)(value)
    kinds = [word for word in words if word in _KINDS]
    others = [word for word in words if word not in _KINDS]
    if len(kinds) != 1 or len(words) != 1 + len(others):
        raise RefusedError(f"must have one of {', '.join(_KINDS)}")
    if others:
        raise RefusedError(f"{short(others[0])} is not supported beside {kinds[0]}: remove it")
    return _KINDS[kinds[0]]


def _count(value: Value) -> int:
    if text(value) == "all":
        raise RefusedError(_ALL)
    return whole(1, MAX_COUNT)(value)
