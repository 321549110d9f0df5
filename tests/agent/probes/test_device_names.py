"""Names of vendors and devices: hwdb.bin first, the texts for what it leaves unnamed."""

from tests.agent.probes.test_hwdb import ROWS, build

from skerry_agent.probes import device_names
from skerry_agent.probes.device_names import Names, look_up

LIST = b"""\
# a list
001c  PEAK-System Technik GmbH
\t0001  PCAN-PCI CAN-Bus controller
\t\t001c 0004  2 Channel CAN Bus SJC1000
# a remark between
8086  Intel Corporation (the text's)
\t0007  82379AB
\t1533  I210 Gigabit Network Connection
\t9999  Only in the text
C 00  Unclassified device
\t1533  Not a device
"""


def names(content, *ids):
    return dict(look_up(content, ids))


def test_a_device_is_looked_up_below_its_own_vendor_only():
    assert names(LIST, ("8086", "1533"), ("001c", "1533"), ("8086", "0001")) == {
        ("8086", "1533"): Names(
            "Intel Corporation (the text's)", "I210 Gigabit Network Connection"
        ),
        ("001c", "1533"): Names("PEAK-System Technik GmbH", None),
        ("8086", "0001"): Names("Intel Corporation (the text's)", None),
    }


def test_a_vendor_in_the_first_and_in_the_last_row():
    assert names(b"10de  NVIDIA", ("10de", "1eb8")) == {("10de", "1eb8"): Names("NVIDIA")}
    assert names(b"", ("10de", "1eb8")) == {}
    assert names(b"\n10de  ", ("10de", "1eb8")) == {("10de", "1eb8"): Names()}


def test_the_text_names_what_the_database_does_not(tree):
    tree.write("etc/udev/hwdb.bin", build(ROWS)).write("usr/share/misc/pci.ids", LIST)
    found = device_names.read(tree.host, "pci", [("8086", "1533"), ("8086", "9999")])
    assert found == {
        ("8086", "1533"): Names("Intel Corporation", "I210"),
        ("8086", "9999"): Names("Intel Corporation", "Only in the text"),
    }


def test_either_is_enough_and_neither_names_nothing(tree):
    wanted = [("8086", "1533")]
    assert device_names.read(tree.host, "pci", wanted) == {}
    tree.write("usr/share/hwdata/pci.ids", LIST)
    assert device_names.read(tree.host, "pci", wanted)[wanted[0]].device is not None


def test_what_was_looked_up_is_remembered_until_a_list_is_replaced(tree):
    tree.write("usr/share/misc/pci.ids", LIST)
    host = tree.host
    first = device_names.read(host, "pci", [("8086", "1533")])
    assert device_names.read(host.afresh(), "pci", [("8086", "1533")]) is first
    (tree.root / "usr/share/misc/pci.ids").unlink()
    tree.write("usr/share/misc/pci.ids", b"8086  Another\n")
    assert device_names.read(host.afresh(), "pci", [("8086", "1533")]) == {
        ("8086", "1533"): Names("Another")
    }
