"""Random expressions, nodes that some of them fit, and a plain second opinion on both."""

import itertools
import re

from hypothesis import strategies as st
from tests.hub.placement.boxes import GIB, MIB, accelerator, node

from skerry_hub.placement.expression import AllOf, AnyOf, Not
from skerry_hub.placement.reading import expression
from skerry_wire.codec import to_plain
from skerry_wire.hardware import Nic, ProbeStatus, UsbDevice

HW = "node.hardware."
LABELS = ["quay-3", "quay-4", "3", "10", "-2.5", "v1.20.3", "1.9-rc1", "", "a, b"]
TESTS = [
    *(f"node.labels.{label} {op}" for label in "ab" for op in ("exists", "not exists")),
    *(f"node.labels.a {op} quay-3" for op in ("==", "!=")),
    'node.labels.b == "a, b"',
    *(f"node.labels.b {op} [quay-3, 10]" for op in ("in", "not in")),
    *(f"node.labels.a {op} 3" for op in ("<", "<=", ">", ">=")),
    *(f"node.labels.b version {op} 1.9" for op in ("==", "!=", "<", "<=", ">", ">=")),
    *(f"node.labels.a {op} ^quay-[0-9]$" for op in ("matches", "not matches")),
    *(f"node.platform.arch {op} arm64" for op in ("==", "!=")),
    "node.platform.os == linux",
    *(f"{HW}memory.total_bytes {op} 1GiB" for op in ("==", "!=", "<", "<=", ">", ">=")),
    *(f"{HW}cpu.logical_count {op} 2" for op in ("==", "<", ">=")),
    *(f"{HW}accelerators {op}" for op in ("exists", "not exists")),
    *(f"{HW}accelerators.kind {op} gpu" for op in ("contains", "==", "!=")),
    f"{HW}accelerators.vendor contains all [NVIDIA, AMD]",
    f"{HW}accelerators.memory_bytes >= 8GiB",
    *(f"{HW}accelerators.usable {op} true" for op in ("==", "!=")),
    *(f"{HW}nics.speed_mbps {op} 1000" for op in ("<", ">", "contains", "!=")),
    f"{HW}nics.driver not matches ^r8",
    f"{HW}usb.vendor contains any [0bda, 2341]",
    f"{HW}usb.vendor not contains 0bda",
    f"{HW}accelerators.vendor not contains any [NVIDIA, Hailo]",
    f"{HW}accelerators.vendor not contains all [NVIDIA, AMD]",
    f"{HW}features.cpu-pstate.turbo exists",
    f"{HW}probes.usb.status == failed",
]

EXPRESSIONS = st.recursive(
    st.sampled_from(TESTS).map(expression),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
).filter(lambda one: str(one).count("(") <= 8)


@st.composite
def boxes(draw, name):
    vendors = st.sampled_from(["NVIDIA", "AMD", "Hailo"])
    kinds = st.sampled_from(["gpu", "npu"])
    sizes = st.sampled_from([None, GIB, 8 * GIB])
    there = [
        accelerator(
            str(i), draw(kinds), draw(vendors), draw(st.booleans()), memory_bytes=draw(sizes)
        )
        for i in range(draw(st.integers(0, 3)))
    ]
    speeds = draw(st.lists(st.sampled_from([None, 100, 1000, 2500]), max_size=3))
    vendor_ids = draw(st.lists(st.sampled_from([None, "0bda", "1"]), max_size=2))
    labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from(LABELS))
    return node(
        name,
        cpus=draw(st.sampled_from([None, 0, 1, 2, 8])),
        memory=draw(st.sampled_from([None, 512 * MIB, GIB, 4 * GIB])),
        labels=draw(labels),
        hub_labels=draw(labels),
        arch=draw(st.sampled_from([None, "x86_64", "aarch64", "riscv64"])),
        known=draw(st.sampled_from([True, True, True, False])),
        accelerators=there,
        nics=tuple(
            Nic(
                name=f"e{i}",
                hardware=True,
                kind="ethernet",
                speed_mbps=speed,
                driver=draw(st.sampled_from([None, "r8169", "igb"])),
            )
            for i, speed in enumerate(speeds)
        ),
        usb=tuple(UsbDevice(path=f"1-{i}", vendor=v) for i, v in enumerate(vendor_ids)),
        features=draw(st.sampled_from([{}, {"cpu-pstate.turbo": "true"}])),
        probes=draw(st.sampled_from([{}, {"usb": ProbeStatus(status="failed", reason="no")}])),
    )


# --- a second opinion, on the record as it is sent -----------------------------------------


def plainly(one, box):
    """Say whether a node passes an expression, one test at a time."""
    if isinstance(one, AllOf):
        return all(plainly(part, box) for part in one.parts)
    if isinstance(one, AnyOf):
        return any(plainly(part, box) for part in one.parts)
    if isinstance(one, Not):
        return not plainly(one.part, box)
    return compared(str(one.operator), told(box, one.field.path), one.texts)


def told(box, path):
    """Return the values of a field, each as text."""
    plain = to_plain(box.capability)["hardware"] if box.capability else {}
    if path.startswith("node.labels."):
        label = path.removeprefix("node.labels.")
        return [box.all_labels[label]] if label in box.all_labels else []
    if path == "node.platform.os":
        return ["linux"] if box.capability else []
    if path == "node.platform.arch":
        arch = plain.get("system", {}).get("arch")
        return [arch, *{"aarch64": ["arm64"], "x86_64": ["amd64"]}.get(arch, [])] if arch else []
    if path == f"{HW}features.cpu-pstate.turbo":
        return list(plain.get("features", {}).values())
    found = [plain]
    for key in path.removeprefix(HW).split("."):
        inner = [one[key] for one in found if key in one]
        lists = [one if isinstance(one, list) else [one] for one in inner]
        found = list(itertools.chain.from_iterable(lists))
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in found]


def compared(operator, values, texts):
    wanted = [str(2**30 * int(text[:-3])) if text.endswith("GiB") else text for text in texts]
    if operator == "exists":
        return bool(values)
    if operator.startswith("not ") or operator in ("!=", "version !="):
        positive = {"!=": "==", "version !=": "version =="}.get(operator, operator[4:])
        told_enough = bool(values) or operator != "not matches"
        return told_enough and not compared(positive, values, texts)
    if operator == "contains all":
        return all(one in values for one in wanted)
    if operator in ("==", "in", "contains", "contains any"):
        return any(one in values for one in wanted)
    if operator == "matches":
        return any(re.search(wanted[0], value) for value in values)
    read = ordered if operator.startswith("version") else as_number
    pairs = [(read(value), read(wanted[0])) for value in values]
    sign = operator.removeprefix("version ")
    signs = {"<": (-1,), "<=": (-1, 0), "==": (0,), ">=": (0, 1), ">": (1,)}[sign]
    return any(((a > b) - (a < b)) in signs for a, b in pairs if a is not None)


def as_number(text):
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def ordered(text):
    match = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-(\d+))?(-rc)?", text)
    if match is None:
        return None
    return (*(int(number or 0) for number in match.groups()[:4]), match[5] is None)
