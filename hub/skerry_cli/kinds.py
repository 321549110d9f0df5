"""KINDS, the visible table: what can be listed, how it is asked for, and its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry_cli import words
from skerry_cli.decisions import DECISION
from skerry_cli.document_kinds import DOCUMENT_KINDS
from skerry_cli.job_text import job_text
from skerry_cli.kind import Column, Kind
from skerry_cli.latency_records import RoundTrip
from skerry_cli.records import Accelerator, Device, Event, Instance, Node, Workload
from skerry_cli.screen import Colour, Styled

_COLOURS: Mapping[str, Colour] = {
    "online": "green",
    "usable": "green",
    "running": "green",
    "completed": "green",
    "scheduled": "green",
    "healthy": "green",
    "plugged": "green",
    "unreachable": "yellow",
    "progressing": "yellow",
    "pending": "yellow",
    "pulling": "yellow",
    "creating": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "exited": "yellow",
    "unplugged": "yellow",
    "unusable": "yellow",
    "lost": "red",
    "degraded": "red",
    "unplaced": "red",
    "failed": "red",
    "refused": "red",
    "unhealthy": "red",
    "probe_failed": "red",
    "runtime_failed": "red",
}


def state(word: str) -> Styled:
    """Return the word for a state in its colour."""
    return Styled(word, _COLOURS.get(word))


UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
"""The key of the taint that a cordoned node has."""


def is_cordoned(node: Node) -> bool:
    """Say whether nothing new shall come to a node."""
    return any(
        taint.key == UNSCHEDULABLE and taint.effect != "PreferNoSchedule" for taint in node.taints
    )


def liveness(node: Node) -> Styled:
    """Return a node's liveness, what was done to it, and what an operator must look at."""
    troubles = {
        "diverged": node.diverged,
        "refused": node.order.refusal,
        "problems": node.problems,
    }
    found = [name for name, trouble in troubles.items() if trouble]
    revoked = ["revoked"] if node.revoked_at is not None else []
    cordoned = ["cordoned"] if is_cordoned(node) else []
    colour = "yellow" if cordoned and node.liveness == "online" else state(node.liveness).colour
    text = ",".join([node.liveness, *revoked, *cordoned, *found])
    return Styled(text, "red" if found else colour)


def accelerators(found: Iterable[Accelerator]) -> str:
    """Return accelerators by kind and model: 2 gpu L4, 1 npu Hailo-8 (unusable)."""
    counts: dict[str, int] = {}
    for item in found:
        name = f"{item.kind} {item.model}" + ("" if item.usable else " (unusable)")
        counts[name] = counts.get(name, 0) + 1
    return words.joined([f"{number} {name}" for name, number in counts.items()])


def label_list(found: Mapping[str, str]) -> str:
    """Return labels as a selector would name them."""
    return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or words.NONE


DISCOVERED = ("feature.node.kubernetes.io/", "kubernetes.io/")
"""How the keys begin of labels that a node's hardware gives it: dozens, for selectors."""


def given_labels(found: Mapping[str, str]) -> str:
    """Return the labels that people gave; `describe node` has the others too."""
    return label_list({k: v for k, v in found.items() if not k.startswith(DISCOVERED)})


def _instances(node: Node) -> str:
    """Return how many a node has, as far as that is known: what a lost one ran may have ended."""
    unknown = sum(one.state == "unknown" for one in node.instances)
    if not unknown:
        return str(len(node.instances))
    known = len(node.instances) - unknown
    return f"{known} ({unknown} unknown)" if known else f"{unknown} unknown"


def _reserved(reserved: str, total: str) -> str:
    return f"{reserved}/{total}"


def _number(value: float | None, unit: str = "") -> str:
    return words.NONE if value is None else f"{value:.3g}{unit}"


NODE = Kind(
    name="node",
    short="no",
    record=Node,
    inside="node",
    names=lambda node: (node.id, node.hostname),
    columns=(
        Column("NODE", lambda node, _: node.id),
        Column("HOSTNAME", lambda node, _: node.hostname),
        Column("STATUS", lambda node, _: liveness(node)),
        Column("INSTANCES", lambda node, _: _instances(node)),
        Column(
            "CPU",
            lambda node, _: _reserved(
                words.processors(node.resources.cpu_reserved_milli),
                words.processors(node.resources.cpu_milli),
            ),
        ),
        Column(
            "MEMORY",
            lambda node, _: _reserved(
                words.size(node.resources.memory_reserved_bytes),
                words.size(node.resources.memory_bytes),
            ),
        ),
        Column("ACCELERATORS", lambda node, _: accelerators(node.accelerators)),
        Column("SEEN", lambda node, now: words.age(node.last_seen, now), passing=True),
        Column("AGE", lambda node, now: words.age(node.registered_at, now), passing=True),
        Column(
            "STORAGE",
            lambda node, _: _reserved(
                words.size(node.resources.storage_reserved_bytes),
                words.size(node.resources.storage_bytes),
            ),
            wide=True,
        ),
        Column("LOAD", lambda node, _: _number(node.resources.load_1m), wide=True, passing=True),
        Column(
            "TEMP",
            lambda node, _: _number(node.resources.temperature_c, " C"),
            wide=True,
            passing=True,
        ),
        Column("ORDER", lambda node, _: f"{node.order.reached}/{node.order.issued}", wide=True),
        Column("ARCH", lambda node, _: node.arch or words.NONE, wide=True),
        Column("OS", lambda node, _: node.os or words.NONE, wide=True),
        Column("KERNEL", lambda node, _: node.kernel or words.NONE, wide=True),
        Column("RUNTIMES", lambda node, _: words.joined(list(node.runtimes)), wide=True),
        Column("AGENT", lambda node, _: node.version or words.NONE, wide=True),
        Column("TAINTS", lambda node, _: ",".join(map(str, node.taints)) or words.NONE, wide=True),
        Column("LABELS", lambda node, _: given_labels(node.labels), wide=True),
    ),
)


def _ready(workload: Workload) -> str:
    """Return how many do their work, at whatever revision; an older hub does not count them."""
    ready = workload.current if workload.ready is None else workload.ready
    return f"{ready}/{workload.wanted}"


WORKLOAD = Kind(
    name="workload",
    short="wl",
    record=Workload,
    inside="workload",
    identity=lambda workload: workload.name,
    names=lambda workload: (workload.name,),
    columns=(
        Column("WORKLOAD", lambda workload, _: workload.name),
        Column("STATE", lambda workload, _: state(workload.state)),
        Column("READY", lambda workload, _: _ready(workload)),
        Column("PLACED", lambda workload, _: str(workload.placed)),
        Column("MODE", lambda workload, _: workload.mode),
        Column("AGE", lambda workload, now: words.age(workload.created_at, now), passing=True),
        Column("UP-TO-DATE", lambda workload, _: str(workload.current), wide=True),
        Column("PROJECT", lambda workload, _: workload.project, wide=True),
        Column("REVISION", lambda workload, _: workload.revision, wide=True),
        Column(
            "UPDATED",
            lambda workload, now: words.age(workload.updated_at, now),
            wide=True,
            passing=True,
        ),
        Column("IMAGES", lambda workload, _: words.joined(list(workload.images)), wide=True),
        Column("JOB", lambda workload, now: job_text(workload.instances, now), wide=True),
        Column("REASON", lambda workload, _: workload.reason or words.NONE, wide=True),
    ),
)

INSTANCE = Kind(
    name="instance",
    short="in",
    record=Instance,
    columns=(
        Column("INSTANCE", lambda instance, _: instance.id),
        Column("NODE", lambda instance, _: instance.where),
        Column("STATE", lambda instance, _: state(instance.state)),
        Column("HEALTH", lambda instance, _: health(instance)),
        Column("RESTARTS", lambda instance, _: str(instance.restarts)),
        Column("AGE", lambda instance, now: words.age(instance.started_at, now), passing=True),
        Column("WORKLOAD", lambda instance, _: instance.workload, wide=True),
        Column("NODE-ID", lambda instance, _: instance.node, wide=True),
        Column("REVISION", lambda instance, _: instance.revision, wide=True),
        Column("CURRENT", lambda instance, _: "yes" if instance.current else "no", wide=True),
        Column("EXIT", lambda instance, _: exit_code(instance), wide=True),
        Column("IMAGE", lambda instance, _: instance.image or words.NONE, wide=True),
        Column("JOB", lambda instance, now: job_text([instance], now), wide=True),
        Column("REASON", lambda instance, _: instance.reason or words.NONE, wide=True),
    ),
)


def _times(event: Event, now: float) -> str:
    """Return how long ago an event was; of several, how many and over what time."""
    age = words.age(event.at, now)
    if event.count <= 1:
        return age
    over_s = 0.0 if event.first_at is None else event.at - event.first_at
    return f"{age} (x{event.count} over {words.duration(over_s)})"


EVENT = Kind(
    name="event",
    short="ev",
    record=Event,
    columns=(
        Column("AGE", _times, passing=True),
        Column("NODE", lambda event, _: event.node or words.NONE),
        Column("KIND", lambda event, _: state(event.kind)),
        Column("SUBJECT", lambda event, _: event.subject or words.NONE),
        Column("DETAIL", lambda event, _: event.detail or words.NONE),
        Column("FIRST", lambda event, _: words.moment(event.first_at or event.at), wide=True),
        Column("LAST", lambda event, _: words.moment(event.at), wide=True),
        Column("GENERATION", lambda event, _: _generation(event), wide=True),
        Column("EVENT", lambda event, _: event.id, wide=True),
    ),
)

WHOLE_MILLI = 1000
DEVICE = Kind(
    name="device",
    short="dev",
    record=Device,
    columns=(
        Column("NODE", lambda device, _: device.where),
        Column("KIND", lambda device, _: device.kind),
        Column("VENDOR", lambda device, _: device.vendor or words.NONE),
        Column("MODEL", lambda device, _: device.model or words.NONE),
        Column("SIZE", lambda device, _: words.size(device.size_bytes)),
        Column("ADDRESS", lambda device, _: device.address or device.bus or words.NONE),
        Column("PATH", lambda device, _: _first_of(device.paths)),
        Column("STATUS", lambda device, _: _device_status(device)),
        Column("USED-BY", lambda device, _: words.joined(_users(device))),
        Column("NODE-ID", lambda device, _: device.node, wide=True),
        Column("LIVENESS", lambda device, _: state(device.liveness), wide=True),
        Column("NAME", lambda device, _: device.name, wide=True),
        Column("BUS", lambda device, _: device.bus or words.NONE, wide=True),
        Column("DRIVER", lambda device, _: device.driver or words.NONE, wide=True),
        Column("PATHS", lambda device, _: words.joined(list(device.paths)), wide=True),
        Column("REASON", lambda device, _: device.reason or words.NONE, wide=True),
    ),
)

DEVICE_KINDS = (
    *("gpu", "npu", "tpu", "vpu", "fpga", "dsp", "dpu", "camera", "serial", "modem", "bluetooth"),
    *("ethernet", "wifi", "can", "wwan", "network", "disk", "usb", "pci", "gpio", "i2c", "ptp"),
    *("watchdog", "tpm", "sensor", "accelerator", "nic", "all"),
)
"""What --kind may name; a newer hub may know more."""

ROUND_TRIP = Kind(
    name="round-trip",
    short="rt",
    record=RoundTrip,
    columns=(
        Column("NODE", lambda trip, _: trip.where),
        Column("TARGET", lambda trip, _: trip.target),
        Column("MS", lambda trip, _: f"{trip.ms:.3g}", passing=True),
        Column("ERROR", lambda trip, _: f"{trip.error_ms:.2g}", passing=True),
        Column("FROM", lambda trip, _: "measured" if trip.measured else "estimated"),
        Column("NODE-ID", lambda trip, _: trip.node, wide=True),
    ),
)

KINDS = (NODE, WORKLOAD, INSTANCE, EVENT, DEVICE, ROUND_TRIP, DECISION, *DOCUMENT_KINDS)


def kind_of(word: str) -> Kind | None:
    """Return the kind that an operator calls so: nodes, node, no."""
    for kind in KINDS:
        if word in (kind.name, kind.plural, kind.short):
            return kind
    return None


def _device_status(device: Device) -> Styled:
    """Return what counts of a device: that its node is away, else whether it can be used."""
    if device.liveness != "online":
        return state(device.liveness)
    if device.usable is None:
        return Styled("present")
    return state("usable" if device.usable else "unusable")


def _users(device: Device) -> list[str]:
    """Return who uses a device, with the share that it has of it: `shop-web-0 (0.5)`."""
    shares = {name: milli for name, milli in device.held_milli.items() if milli < WHOLE_MILLI}
    return [
        f"{name} ({shares[name] / WHOLE_MILLI:g})" if name in shares else name
        for name in device.used_by
    ]


def _first_of(texts: tuple[str, ...]) -> str:
    if len(texts) < 2:
        return words.joined(list(texts))
    return f"{texts[0]} +{len(texts) - 1}"


def health(instance: Instance) -> Styled:
    """Return what an instance's health check says; a dash where it has none."""
    return Styled(words.NONE) if instance.health == "none" else state(instance.health)


def exit_code(instance: Instance) -> str:
    """Return the status with which an instance ended last."""
    return words.NONE if instance.exit_code is None else str(instance.exit_code)


def _generation(event: Event) -> str:
    return words.NONE if event.generation is None else str(event.generation)
