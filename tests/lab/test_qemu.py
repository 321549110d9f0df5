"""The parts of the lab that need no machine."""

import shutil
import subprocess

from lab import qemu_image
from lab.qemu_box import differences, without_volatile
from lab.qemu_hotplug import KINDS, Step, table


def test_two_values_are_compared_to_the_last_list():
    here = {"a": {"b": 1, "c": [1, 2]}, "same": [1]}
    there = {"a": {"b": 2, "c": [2, 3]}, "same": [1]}
    assert differences(here, there) == [
        "a.b: published 1, read 2",
        "a.c: only published [1], only read [3]",
    ]
    assert differences({"l": [1, 2]}, {"l": [2, 1]}) == ["l: another order"]
    assert differences(here, here) == []


def test_what_no_message_holds_is_left_out():
    told = {
        "filesystems": [{"mount": "/", "available_bytes": 1}],
        "sensors": [{"name": "a", "value": 3}],
        "probes": {"cpu": {"status": "found", "duration_ms": 1.5}},
    }
    assert without_volatile(told) == {
        "filesystems": [{"mount": "/"}],
        "sensors": [{"name": "a"}],
        "probes": {"cpu": {"status": "found"}},
    }


def test_the_table_counts_what_differs_and_what_is_late():
    steps = [Step("plug NVMe", False, 0.2, 1, ()), Step("plug NVMe", False, 1.5, 1, ("pci: x",))]
    text = table(steps)
    assert "later than 1 s: 1 of 2 that were measured" in text
    assert text.splitlines()[-2].split()[-1] == "1"


def test_every_bus_that_the_issue_names_is_plugged():
    names = {kind.name for kind in KINDS}
    assert {"USB storage", "USB serial", "NVMe", "NIC e1000e", "NIC virtio"} == names


def test_the_ram_disk_is_an_archive_that_cpio_reads(tmp_path):
    archive = qemu_image._Cpio()
    archive.add("a/b/file", b"content")
    archive.add("init", b"#!/bin/sh\n", 0o755)
    command = [shutil.which("busybox") or "/bin/busybox", "cpio", "-idm"]
    subprocess.run(command, input=archive.end(), cwd=tmp_path, check=True)
    assert (tmp_path / "a/b/file").read_bytes() == b"content"
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
