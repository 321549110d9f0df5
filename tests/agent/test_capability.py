"""Putting together what the probes found: stable, and no probe silences another."""

import dataclasses
import os
import threading

import pytest

from skerry_agent.capability import (
    Collected,
    CpuinfoValues,
    NvmlGpu,
    NvmlValues,
    SlowAnswer,
    collect,
    labelled,
    merge_slow,
    revision_of,
)
from skerry_agent.guard import Guard
from skerry_agent.host import Host
from skerry_agent.probes.result import Absent, Failed, Found, Probe
from skerry_agent.probes.table import PROBES
from skerry_wire import codec
from skerry_wire.hardware import Accelerator, Cpu, CpuKind, Hardware, ProbeStatus, UsbDevice


class Shuffled(Host):
    """A host that lists folders backwards, as another file system may."""

    def afresh(self):
        return self

    def _names(self, real, *, folders_only):
        return super()._names(real, folders_only=folders_only)[::-1]


def test_what_may_be_missing_is_said_of_a_probe_that_found_the_rest(tmp_path):
    part = Probe("cdi", ("cdi_devices",), lambda _: None, lambda _: Found(("a/b=c",), "b.yaml?"))
    hardware = collect(Host(tmp_path), probes=(part,)).hardware
    assert hardware.cdi_devices == ("a/b=c",)
    assert hardware.probes["cdi"] == ProbeStatus(status="found", reason="b.yaml?")


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
        previous = Collected(before, {}, 1000.0)
        assert collect(Host("/nowhere"), previous, probes=(probe,)).hardware.usb == kept


def answering(*answers):
    """A probe of the USB bus that gives these answers in turn, and says so once more at the end."""
    rest = list(answers)
    return (Probe("usb", ("usb",), lambda host: rest.pop(0), lambda raw: raw),)


def test_a_kept_value_says_when_it_was_read_and_stays_the_same_bytes_while_it_is_kept():
    sticks = (UsbDevice(path="1-1"),)
    hangs = Failed("hangs")
    probes = answering(hangs, Found(sticks), hangs, hangs, Found(sticks), Absent("none"), hangs)
    kept_from, revisions, last = [], [], None
    for now in range(100, 800, 100):
        last = collect(Host("/nowhere"), last, probes=probes, clock_s=lambda now=now: float(now))
        kept_from.append(last.hardware.probes["usb"].kept_from)
        revisions.append(revision_of(last.hardware))
    assert kept_from == [None, None, 200.0, 200.0, None, None, 600.0]
    assert revisions[2] == revisions[3]
    assert revisions[1] == revisions[4]
    assert last.hardware.usb == ()


def test_what_never_was_read_is_kept_from_no_time():
    probes = answering(Failed("hangs"), Failed("hangs"))
    first = collect(Host("/nowhere"), probes=probes)
    assert collect(Host("/nowhere"), first, probes=probes).hardware.probes["usb"] == ProbeStatus(
        status="failed", reason="hangs"
    )


def test_a_probe_that_hangs_does_not_silence_the_others_and_is_not_started_again(tree):
    release, started = threading.Event(), []

    def hang(host):
        started.append(1)
        release.wait()

    probes = tuple(
        dataclasses.replace(probe, read=hang) if probe.name == "cpu" else probe for probe in PROBES
    )
    guard = Guard(1.0)
    first = collect(box(tree).host, probes=probes, guard=guard)
    again = collect(tree.host, first, probes=probes, guard=guard)
    release.set()
    assert first.hardware.probes["cpu"].reason == "took longer than 1 s"
    assert again.hardware.probes["cpu"].reason == "still hangs since an earlier look"
    assert started == [1]
    for collected in (first, again):
        assert collected.hardware.memory.total_bytes == 1000 * 1024
        assert len(collected.hardware.nics) == 11
        assert set(collected.hardware.probes) == {probe.name for probe in PROBES}


@pytest.mark.parametrize(
    "value",
    [
        (UsbDevice(path="x" * 500),),
        (UsbDevice(path="1-1", vendor="not hexadecimal"),),
        (UsbDevice(path="1-1"),) * 600,
        "text",
        7,
        None,
    ],
)
def test_what_no_message_can_hold_fails_its_probe_alone(value):
    good = Probe("cpu", ("cpu",), lambda host: Cpu(model="A"), Found)
    probes = (Probe("usb", ("usb",), lambda host: value, Found), good)
    hardware = collect(Host("/nowhere"), probes=probes).hardware
    assert hardware.probes["usb"].status == "failed"
    assert hardware.cpu.model == "A"
    assert codec.decode(Hardware, codec.encode(hardware)) == hardware


def test_absent_failed_and_found_are_three_things(tree):
    hardware = collect(box(tree).host).hardware
    assert hardware.probes["pci"].status == "found"
    assert hardware.probes["cameras"].status == "absent"
    assert hardware.probes["cameras"].reason


def test_nothing_timed_is_in_it(tree):
    one = collect(box(tree).host, clock_s=lambda: 7.0)
    other = collect(tree.host, clock_s=lambda: 8.0)
    assert (one.read_at, other.read_at) == (7.0, 8.0)
    assert one.timings_ms != other.timings_ms
    assert codec.encode(one.hardware) == codec.encode(other.hardware)


def cpuinfo(**values):
    return {"cpuinfo": SlowAnswer(ProbeStatus(status="found"), CpuinfoValues(**values))}


def test_the_slow_look_completes_name_flags_and_labels():
    quick = labelled(Hardware(cpu=Cpu(model="?")), {"site": "north"})
    whole = merge_slow(
        dataclasses.replace(quick, system=dataclasses.replace(quick.system, arch="x86_64")),
        cpuinfo(brand="A Processor", flags=("avx", "avx2")),
    )
    assert (whole.cpu.model, whole.cpu.flags) == ("A Processor", ("avx", "avx2"))
    assert whole.labels["feature.node.kubernetes.io/cpu-cpuid.AVX2"] == "true"
    assert whole.labels["site"] == "north", "the operator's labels stay"
    assert whole.probes["cpuinfo"].status == "found"


def test_where_the_kernel_tells_the_flags_the_slow_look_adds_none():
    """py-cpuinfo 9.0.0 says this of an Intel processor, whose leaf 0x80000001 has neither bit."""
    quick = labelled(Hardware(cpu=Cpu(model="Intel(R) Xeon(R)", flags=("avx", "sse"))), {})
    whole = merge_slow(
        dataclasses.replace(quick, system=dataclasses.replace(quick.system, arch="x86_64")),
        cpuinfo(brand="Intel(R) Xeon(R) Processor", flags=("3dnowext", "avx", "osxsave", "sse")),
    )
    assert whole.cpu.flags == ("avx", "sse")
    assert "feature.node.kubernetes.io/cpu-cpuid.AMD3DNOWEXT" not in whole.labels
    assert whole.cpu.model == "Intel(R) Xeon(R) Processor"


def test_a_slow_look_that_failed_says_so_and_keeps_what_it_found_before():
    quick = Hardware(cpu=Cpu(model="A", flags=("avx",)))
    failed = ProbeStatus(status="failed", reason="took too long", kept_from=100.0)
    assert merge_slow(quick, {"cpuinfo": SlowAnswer(failed)}).cpu == quick.cpu
    whole = merge_slow(quick, {"cpuinfo": SlowAnswer(failed, CpuinfoValues(brand="B"))})
    assert whole.cpu.model == "B"
    assert whole.probes["cpuinfo"] == failed


def test_with_several_kinds_of_core_the_slow_look_saw_only_one():
    kinds = (CpuKind(name="A", logical_count=4), CpuKind(name="B", logical_count=4))
    quick = Hardware(cpu=Cpu(kinds=kinds, flags=("asimd",)))
    assert merge_slow(quick, cpuinfo(flags=("asimd", "sve"))).cpu.flags == ("asimd",)


def gpu(address, **values):
    given = {"driver": "nvidia", "usable": True, **values}
    return Accelerator(
        kind="gpu", vendor="NVIDIA", model="GPU", bus="pci", address=address, **given
    )


def with_nvml(*accelerators, **values):
    told = {"nvml": SlowAnswer(ProbeStatus(status="found"), NvmlValues(**values))}
    return merge_slow(Hardware(accelerators=accelerators), told).accelerators


def test_nvml_completes_the_gpu_of_its_address():
    first, second = with_nvml(
        gpu("0000:65:00.0"),
        gpu("0000:b3:00.0"),
        driver_version="535.54.03",
        gpus=(
            NvmlGpu("0000:65:00.0", "NVIDIA A100", 40 * 2**30, ("1g.5gb", "2g.10gb")),
            NvmlGpu("0000:ff:00.0", "another", 1),
        ),
    )
    assert (first.model, first.memory_bytes) == ("NVIDIA A100", 40 * 2**30)
    assert first.partitions == ("1g.5gb", "2g.10gb")
    assert (second.model, second.memory_bytes, second.usable) == ("GPU", None, True)
    assert first.driver_version == second.driver_version == "535.54.03"


def test_a_part_that_shares_the_boxs_memory_keeps_what_is_known_of_it():
    (one,) = with_nvml(
        gpu("000f:01:00.0", memory_bytes=100), gpus=(NvmlGpu("000f:01:00.0", memory_bytes=7),)
    )
    assert one.memory_bytes == 100


def test_nvml_says_nothing_of_other_accelerators():
    other = gpu("0000:01:00.0", driver="vfio-pci", usable=False, reason="reserved")
    assert with_nvml(other, driver_version="1", gpus=(NvmlGpu("0000:01:00.0", "X"),)) == (other,)


def test_a_gpu_that_nvml_has_lost_is_not_usable():
    here, gone = with_nvml(
        gpu("0000:65:00.0"),
        gpu("0000:b3:00.0"),
        gpus=(NvmlGpu("0000:65:00.0"),),
        lost="nvmlDeviceGetHandleByIndex_v2: gpu is lost",
    )
    assert here.usable
    assert not gone.usable
    assert gone.reason == "nvmlDeviceGetHandleByIndex_v2: gpu is lost"


def test_this_very_machine_gives_the_same_twice():
    host = Host("/")
    first, second = (collect(host).hardware for _ in range(2))
    assert first.cpu.logical_count == os.cpu_count()
    assert first.system.arch == os.uname().machine
    assert first.memory == second.memory
    assert codec.decode(Hardware, codec.encode(first)) == first
