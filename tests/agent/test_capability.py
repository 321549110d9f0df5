"""Putting together what the probes found: stable, and no probe silences another."""

import dataclasses
import os

from skerry_agent import capability
from skerry_agent.capability import SlowValues, collect, labelled, merge_slow, revision_of
from skerry_agent.host import Host
from skerry_agent.probes.result import Absent, Failed, Found, Probe
from skerry_agent.probes.table import PROBES
from skerry_wire import codec
from skerry_wire.hardware import Cpu, CpuKind, Hardware, UsbDevice


class Shuffled(Host):
    """A host that lists folders backwards, as another file system may."""

    def _names(self, real, *, folders_only):
        return super()._names(real, folders_only=folders_only)[::-1]


def box(tree):
    tree.write("proc/meminfo", "MemTotal: 1000 kB").online("0-3")
    for cpu in range(4):
        tree.cpu(cpu, core=cpu, siblings=str(cpu))
    for slot in range(1, 12):
        tree.pci(f"0000:0{slot:x}:00.0", "8086:1533", "020000", driver="igb")
        tree.usb(f"1-{slot}", "18d1:9302", "00", ["ff"])
        tree.nic(f"eth{slot}")
    for runtime in ("podman", "dockerd"):
        tree.write(f"usr/bin/{runtime}")
    return tree


def test_the_order_in_which_folders_are_listed_changes_no_byte(tree):
    box(tree)
    straight = collect(Host(tree.root)).hardware
    turned = collect(Shuffled(tree.root)).hardware
    assert len(straight.pci) == len(straight.usb) == len(straight.accelerators) == 11
    assert codec.encode(straight) == codec.encode(turned)
    assert revision_of(straight) == revision_of(turned)


def test_the_host_that_lists_backwards_does(tree):
    box(tree)
    assert Shuffled(tree.root).entries("/usr/bin") == ("podman", "dockerd")


def test_a_change_of_the_hardware_changes_the_revision(tree):
    before = collect(box(tree).host).hardware
    after = collect(tree.usb("2-1", "046d:0825").host).hardware
    assert revision_of(before) != revision_of(after)


def raising(_host):
    raise RuntimeError("a bug")


def test_a_probe_that_raises_does_not_silence_the_others(tree):
    probes = tuple(
        dataclasses.replace(probe, read=raising) if probe.name == "cpu" else probe
        for probe in PROBES
    )
    collected = collect(box(tree).host, probes=probes)
    assert collected.hardware.probes["cpu"].status == "failed"
    assert collected.hardware.probes["cpu"].reason == "RuntimeError: a bug"
    assert collected.hardware.memory.total_bytes == 1000 * 1024
    assert len(collected.hardware.nics) == 11
    assert set(collected.timings_ms) == {probe.name for probe in PROBES}


def test_what_was_known_is_kept_where_a_probe_fails_and_goes_where_it_is_absent():
    before = Hardware(usb=(UsbDevice(path="1-1", vendor="18d1", product="9302"),))
    for answer, kept in ((Failed("hangs"), before.usb), (Absent("none"), ())):
        probe = Probe("usb", ("usb",), lambda host: None, lambda raw, answer=answer: answer)
        assert collect(Host("/nowhere"), before, probes=(probe,)).hardware.usb == kept


def test_absent_failed_and_found_are_three_things(tree):
    hardware = collect(box(tree).host).hardware
    assert hardware.probes["pci"].status == "found"
    assert hardware.probes["cameras"].status == "absent"
    assert hardware.probes["cameras"].reason


def test_nothing_timed_is_in_it(tree):
    ticks = iter(range(1000, 0, -1))
    one = collect(box(tree).host, clock_s=lambda: float(next(ticks)))
    assert codec.encode(one.hardware) == codec.encode(collect(tree.host).hardware)


def test_the_slow_look_completes_name_flags_and_labels():
    quick = labelled(Hardware(cpu=Cpu(model="?", flags=("avx",))), {"site": "north"})
    slow = Found(SlowValues(brand="A Processor", flags=("avx", "avx2")))
    whole = merge_slow(
        dataclasses.replace(quick, system=dataclasses.replace(quick.system, arch="x86_64")), slow
    )
    assert (whole.cpu.model, whole.cpu.flags) == ("A Processor", ("avx", "avx2"))
    assert whole.labels["feature.node.kubernetes.io/cpu-cpuid.AVX2"] == "true"
    assert whole.labels["site"] == "north", "the operator's labels stay"
    assert whole.probes[capability.SLOW_PROBE].status == "found"


def test_a_slow_look_that_failed_only_says_so():
    quick = Hardware(cpu=Cpu(model="A", flags=("avx",)))
    whole = merge_slow(quick, Failed("took too long"))
    assert whole.cpu == quick.cpu
    assert whole.probes[capability.SLOW_PROBE].reason == "took too long"


def test_with_several_kinds_of_core_the_slow_look_saw_only_one():
    kinds = (CpuKind(name="A", logical_count=4), CpuKind(name="B", logical_count=4))
    quick = Hardware(cpu=Cpu(kinds=kinds, flags=("asimd",)))
    slow = Found(SlowValues(flags=("asimd", "sve")))
    assert merge_slow(quick, slow).cpu.flags == ("asimd",)


def test_this_very_machine_gives_the_same_twice():
    host = Host("/")
    first, second = (collect(host).hardware for _ in range(2))
    assert first.cpu.logical_count == os.cpu_count()
    assert first.system.arch == os.uname().machine
    assert first.memory == second.memory
    assert codec.decode(Hardware, codec.encode(first)) == first
