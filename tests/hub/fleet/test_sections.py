"""The hardware of all rows, part by part, each different part once."""

import contextlib
import dataclasses

import numpy as np
import pytest
from tests.hub.placement.boxes import GIB, accelerator, fleet, node, told
from tests.wire.samples import HARDWARE

from skerry_hub.fleet.facts import facts_of
from skerry_hub.fleet.fields import HARDWARE as PREFIX
from skerry_hub.fleet.fields import PLAIN, UnknownFieldError, field
from skerry_hub.fleet.sections import PARTS, Sections
from skerry_hub.fleet.told import Told
from skerry_wire import schema
from skerry_wire.hardware import Hardware

ARCH_LABEL = "kubernetes.io/arch"
FOUND_LABEL = "feature.node.kubernetes.io/pci-10de.present"


def box(name, hardware=HARDWARE, **more):
    made = node(name, **more)
    return dataclasses.replace(
        made, capability=dataclasses.replace(made.capability, hardware=hardware)
    )


def facts(name, **more):
    return facts_of(box(name, **more))


def tells(sections, path, row=0):
    one = Told(field(path), sections.sources(field(path)))
    return one.values[int(one.codes(np.array([row]))[0])]


def paths(hint=Hardware, start=PREFIX, depth=3):
    """Return the path of every field below a record that may be asked for."""
    found = []
    for one in schema.fields_of(hint):
        path = f"{start}{one.key}"
        with contextlib.suppress(UnknownFieldError):
            found.append(field(path))
        inner = schema.bare(schema.optional_of(one.type) or one.type)
        inner = next(
            (a for a in getattr(inner, "__args__", ()) if dataclasses.is_dataclass(a)), inner
        )
        if depth and dataclasses.is_dataclass(inner):
            found += paths(inner, f"{path}.", depth - 1)
    return found


def test_every_field_is_told_as_it_stands_in_the_record():
    fields = [*paths(), *map(field, PLAIN)]
    fields += [field(f"{PREFIX}features.{name}") for name in HARDWARE.features]
    fields += [field(f"{PREFIX}probes.{name}.status") for name in HARDWARE.probes]
    fields += [field(f"node.labels.{name}") for name in (*HARDWARE.labels, "none")]
    assert len(fields) > 100
    known, silent = facts("a"), facts_of(node("b", known=False))
    sections = Sections(2)
    sections.put(0, known, None)
    sections.put(1, silent, None)
    some = 0
    for one in fields:
        assert tells(sections, one.path) == one.values(known), one.path
        assert tells(sections, one.path, 1) == one.values(silent), one.path
        some += bool(one.values(known))
    assert some > 60, "the sample tells many fields"


def test_boxes_of_one_make_share_their_records_but_for_their_names():
    columns = fleet(
        *(node(f"n{i}", labels={ARCH_LABEL: "amd64", "site": f"s{i}"}) for i in range(20))
    )
    sections = columns._sections
    assert {name: len(sections.hardware[name].records) for name in PARTS} == {
        name: 2 if name in ("system", "cpu", "memory", "filesystems", "runtimes") else 1
        for name in PARTS
    }
    assert told(columns, "node.hardware.system.hostname") == [
        (f"host-{name}",) for name in columns.ids()
    ]
    assert told(columns, "node.hostname") == [(f"host-{name}",) for name in columns.ids()]


def test_labels_of_the_hub_come_before_those_of_the_box_and_those_before_derived_ones():
    hardware = dataclasses.replace(
        HARDWARE, labels={"site": "own", "rack": "7", ARCH_LABEL: "amd64", FOUND_LABEL: "true"}
    )
    sections = Sections(1)
    given = facts("a", hardware=hardware, hub_labels={"site": "hub", ARCH_LABEL: "told"})
    sections.put(0, given, None)
    assert tells(sections, "node.labels.site") == ("hub",)
    assert tells(sections, "node.labels.rack") == ("7",)
    assert tells(sections, f"node.labels.{ARCH_LABEL}") == ("told",)
    assert tells(sections, f"node.labels.{FOUND_LABEL}") == ("true",)
    plain = facts("a", hardware=hardware)
    sections.put(0, plain, given)
    assert tells(sections, "node.labels.site") == ("own",)
    assert tells(sections, f"node.labels.{ARCH_LABEL}") == ("amd64",)
    assert tells(sections, "node.labels.none") == ()


def test_derived_labels_are_shared_by_boxes_whose_own_labels_differ():
    sections = Sections(3)
    for row in range(3):
        labels = {"site": f"s{row}", FOUND_LABEL: "true"}
        sections.put(row, facts("a", hardware=dataclasses.replace(HARDWARE, labels=labels)), None)
    sizes = sorted(len(column.records) for column in sections._labels)
    assert sizes == [1, 2, 4], "of the hub none, derived one, and one of each box"


@pytest.mark.parametrize(
    ("change", "path", "values"),
    [
        ({"accelerators": (accelerator("9", "npu"),)}, "node.hardware.accelerators.kind", ("npu",)),
        ({"features": {"x": "1"}}, "node.hardware.features.x", ("1",)),
        ({"labels": {"site": "new"}}, "node.labels.site", ("new",)),
        ({"probes": {}}, f"{PREFIX}probes.{next(iter(HARDWARE.probes))}.status", ()),
        ({"usb": ()}, "node.hardware.usb.path", ()),
    ],
)
def test_what_changed_of_a_box_is_taken_over(change, path, values):
    before = facts("a")
    after = facts("a", hardware=dataclasses.replace(HARDWARE, **change))
    sections = Sections(1)
    sections.put(0, before, None)
    assert tells(sections, path) == field(path).values(before) != values
    sections.put(0, after, before)
    assert tells(sections, path) == values == field(path).values(after)


def test_a_new_hostname_is_taken_over_without_a_new_record():
    sections = Sections(1)
    before = facts("a")
    renamed = dataclasses.replace(
        HARDWARE, system=dataclasses.replace(HARDWARE.system, hostname="renamed")
    )
    sections.put(0, before, None)
    sections.put(0, facts("a", hardware=renamed), before)
    assert tells(sections, "node.hostname") == ("renamed",)
    assert tells(sections, "node.hardware.system.hostname") == ("renamed",)
    assert len(sections.hardware["system"].records) == 2


def test_a_node_without_a_hostname_goes_by_its_id_and_tells_none():
    nameless = dataclasses.replace(
        HARDWARE, system=dataclasses.replace(HARDWARE.system, hostname=None)
    )
    sections = Sections(1)
    sections.put(0, facts("a", hardware=nameless), None)
    assert tells(sections, "node.hostname") == ("a",)
    assert tells(sections, "node.hardware.system.hostname") == ()


def test_a_row_that_another_node_takes_carries_nothing_over():
    columns = fleet(box("a", hub_labels={"x": "1"}))
    columns.remove("a")
    columns.put(node("b", known=False))
    for one in (*paths(), field("node.labels.x"), field("node.platform.os")):
        assert told(columns, one.path) == [()], one.path
    columns.put(node("b", memory=GIB))
    assert told(columns, "node.hardware.memory.total_bytes") == [(GIB,)]


def test_the_label_of_a_box_s_own_name_makes_no_record_of_its_own():
    name = "kubernetes.io/hostname"
    columns = fleet(*(node(f"n{i}", labels={name: f"h{i}", ARCH_LABEL: "arm64"}) for i in range(9)))
    assert max(len(one.records) for one in columns._sections._labels) == 2
    told = columns.told(field(f"node.labels.{name}"))
    found = [told.values[code] for code in told.codes(columns.rows()).tolist()]
    assert found == [(f"h{i}",) for i in range(9)]
