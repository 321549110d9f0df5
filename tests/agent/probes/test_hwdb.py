"""udev's hardware database: names out of a trie, and nothing out of a damaged one."""

import itertools
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_agent.host import Host
from skerry_agent.probes import hwdb
from skerry_agent.probes.hwdb import DEVICE, MAX_VALUES, VENDOR, Database

ROWS = {
    "pci:v00008086*": {VENDOR: "Intel Corporation"},
    "pci:v00008086d00001533*": {VENDOR: "Intel Corporation", DEVICE: "I210"},
    "pci:v00008086d00001533sv00001028sd*": {DEVICE: "A maker's own name for it"},
    "pci:v000010DE*": {VENDOR: "NVIDIA"},
    "pci:v000010DEd00001EB8*": {DEVICE: "TU104GL [Tesla T4]", b" OTHER": "x"},
    "usb:v18D1*": {VENDOR: "Google"},
    "usb:v18D1p9302*": {DEVICE: "Ünïcode"},
}
IDS = (("8086", "1533"), ("10de", "1eb8"), ("8086", "ffff"), ("dead", "beef"))


def build(rows, child_size=16, value_size=32):
    """Return the bytes of an hwdb.bin as udev's own compiler lays it out."""
    strings, at = bytearray(), {}
    keys = {pattern.encode(): values for pattern, values in rows.items()}
    body = bytearray(80)

    def text(value):
        value = value if isinstance(value, bytes) else value.encode()
        if value not in at:
            at[value] = len(strings)
            strings.extend(value + b"\0")
        return at[value]

    def layout(entries):
        """Return a node as (prefix, branches, values) of the entries (rest of key, values)."""
        firsts = [rest for rest, _ in entries]
        prefix = firsts[0]
        for rest in firsts:
            same = itertools.takewhile(lambda p: p[0] == p[1], zip(prefix, rest, strict=False))
            prefix = prefix[: len(list(same))]
        size = len(prefix)
        values = next((v for rest, v in entries if rest == prefix), {})
        below = sorted((rest[size:], v) for rest, v in entries if len(rest) > size)
        groups = itertools.groupby(below, key=lambda entry: entry[0][0])
        branches = [(c, layout([(r[1:], v) for r, v in group])) for c, group in groups]
        return prefix, branches, sorted(values.items())

    places = []

    def write(node):
        prefix, branches, values = node
        offsets = [(letter, write(below)) for letter, below in branches]
        offset = len(body)
        places.append((offset, text(prefix) if prefix else None))
        body.extend(struct.pack("<QB7xQ", 0, len(offsets), len(values)))
        for letter, below in offsets:
            body.extend(struct.pack("<B7xQ", letter, below).ljust(child_size, b"\0"))
        for key, value in values:
            places.append((len(body), text(key)))
            places.append((len(body) + 8, text(value)))
            body.extend(bytes(value_size))
        return offset

    root = write(layout(list(keys.items())))
    start = len(body)
    for place, string in places:
        if string is not None:
            struct.pack_into("<Q", body, place, start + string)
    data = bytes(body + strings)
    header = (252, len(data), 80, 24, child_size, value_size, root, start - 80, len(strings))
    return struct.pack("<8s9Q", b"KSLPHHRH", *header) + data[80:]


def database(data):
    return Database(lambda offset, size: data[offset : offset + size])


@pytest.mark.parametrize(("child_size", "value_size"), [(16, 32), (16, 16), (24, 40)])
def test_vendors_and_devices_are_named(tree, child_size, value_size):
    tree.write("etc/udev/hwdb.bin", build(ROWS, child_size, value_size))
    assert hwdb.look_up(tree.host, "/etc/udev/hwdb.bin", "pci", IDS) == {
        ("8086", "1533"): ("Intel Corporation", "I210"),
        ("10de", "1eb8"): ("NVIDIA", "TU104GL [Tesla T4]"),
        ("8086", "ffff"): ("Intel Corporation", None),
        ("dead", "beef"): (None, None),
    }
    found = hwdb.look_up(tree.host, "/etc/udev/hwdb.bin", "usb", (("18d1", "9302"),))
    assert found == {("18d1", "9302"): ("Google", "Ünïcode")}


def test_the_administrators_replaces_the_distributions(tree):
    assert hwdb.place_of(tree.host) is None
    tree.write("usr/lib/udev/hwdb.bin", b"")
    assert hwdb.place_of(tree.host) == "/usr/lib/udev/hwdb.bin"
    tree.write("etc/udev/hwdb.bin", b"")
    assert hwdb.place_of(tree.host) == "/etc/udev/hwdb.bin"


def test_a_node_with_more_branches_than_one_piece_holds():
    rows = {f"usb:{chr(letter)}*": {VENDOR: chr(letter)} for letter in range(0x30, 0x7F)}
    found = database(build(rows)).properties(b"usb:~*", (VENDOR,))
    assert found == ("~",)


@pytest.mark.parametrize("content", [b"", b"KSLPHHRH", b"\0" * 4096, b"\xff" * 4096])
def test_what_is_no_database_names_nothing(tree, content):
    tree.write("etc/udev/hwdb.bin", content)
    found = hwdb.look_up(tree.host, "/etc/udev/hwdb.bin", "pci", (("8086", "1533"),))
    assert found == {("8086", "1533"): (None, None)}


def test_a_folder_in_its_place_names_nothing(tree):
    tree.write("etc/udev/hwdb.bin", {})
    assert hwdb.look_up(tree.host, "/etc/udev/hwdb.bin", "pci", IDS) == {}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(build(ROWS)) - 1), st.integers(0, 255)), max_size=40),
    st.integers(0, len(build(ROWS))),
)
def test_a_damaged_one_never_raises(changes, length):
    data = bytearray(build(ROWS))
    for place, value in changes:
        data[place] = value
    seen = database(bytes(data[:length]))
    for pattern in ROWS:
        (name,) = seen.properties(pattern.encode(), (VENDOR,))
        assert name is None or isinstance(name, str)


def test_what_was_cut_off_names_nothing():
    data = build(ROWS)
    (root,) = struct.unpack_from("<Q", data, 56)
    for length in range(root, len(data)):
        (name,) = database(data[:length]).properties(b"pci:v000010DE*", (VENDOR,))
        assert name in (None, "NVIDIA")


def test_nothing_is_read_beyond_the_size_that_the_file_gives_itself():
    data = bytearray(build(ROWS))
    struct.pack_into("<Q", data, 16, 80)
    assert database(bytes(data)).properties(b"pci:v000010DE*", (VENDOR,)) == (None,)


@pytest.mark.parametrize(("others", "name"), [(MAX_VALUES - 1, "x"), (MAX_VALUES, None)])
def test_no_more_values_are_read_than_any_node_has(others, name):
    values = {VENDOR: "x", **{b" A%03d" % number: "" for number in range(others)}}
    assert database(build({"usb:*": values})).properties(b"usb:*", (VENDOR,)) == (name,)


def test_nodes_that_hold_themselves_end():
    """Every branch of the only node leads back to it: the key's own length ends the walk."""
    root = struct.pack("<QB7xQ", 0, 255, 2**64 - 1)
    branches = b"".join(struct.pack("<B7xQ", letter, 80) for letter in range(255))
    data = struct.pack("<8s9Q", b"KSLPHHRH", 1, 2**63, 80, 24, 16, 32, 80, 0, 0) + root + branches
    begun = time.process_time()
    assert database(data).properties(b"pci:v00008086*", (VENDOR,)) == (None,)
    assert time.process_time() - begun < 0.5


def test_a_file_that_lies_about_its_size_is_not_read_beyond_its_end(tree):
    tree.write("etc/udev/hwdb.bin", build(ROWS)[:200])
    with Host(tree.root).pieces("/etc/udev/hwdb.bin") as piece:
        assert piece is not None
        assert (piece(190, 100), piece(2**64, 1), piece(0, -1)) == (build(ROWS)[190:200], b"", b"")
