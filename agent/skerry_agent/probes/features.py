"""Switches of processor, kernel and memory that only labels tell.

They are called as Node Feature Discovery's documentation calls them; where they stand is in the
kernel's. Not told: cpu-power.sst_bf, which takes a privilege to read.
"""

from __future__ import annotations

import re
import zlib

from skerry_agent.host import Host
from skerry_agent.probes.kernel_text import cpu_list, number, pairs, short
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen

CPU = "/sys/devices/system/cpu"
NODES = "/sys/devices/system/node"
NVDIMM = "/sys/bus/nd/devices"
MAX_CONFIG_BYTES = 1024 * 1024
KERNEL_OPTIONS = ("NO_HZ", "NO_HZ_FULL", "NO_HZ_IDLE", "PREEMPT")
_OPTION = re.compile(rf"^CONFIG_({'|'.join(KERNEL_OPTIONS)})=[ym]$", re.MULTILINE)
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*\Z")

SWITCHES = (
    ("cpu-security.se.enabled", "/sys/firmware/uv/prot_virt_host"),
    ("cpu-security.tdx.enabled", "/sys/module/kvm_intel/parameters/tdx"),
    ("cpu-security.sev.enabled", "/sys/module/kvm_amd/parameters/sev"),
    ("cpu-security.sev.es.enabled", "/sys/module/kvm_amd/parameters/sev_es"),
    ("cpu-security.sev.snp.enabled", "/sys/module/kvm_amd/parameters/sev_snp"),
    ("kernel-selinux.enabled", "/sys/fs/selinux/enforce"),
)
"""Features that are there when a file says Y or 1."""


@frozen()
class RawFeatures:
    """The texts. `switches` is in the order of SWITCHES."""

    cpuinfo: str | None
    switches: tuple[str | None, ...]
    pstate: str | None
    no_turbo: str | None
    governors: frozenset[str | None]
    idle_driver: str | None
    max_cstate: str | None
    enclave_bytes: tuple[str | None, ...]
    has_nx_gzip: bool
    has_rdma: bool
    nvdimm: tuple[str, ...]
    kernel_options: frozenset[str]


def read(host: Host) -> RawFeatures:
    """Collect the texts."""
    pstate = host.text(f"{CPU}/intel_pstate/status")
    return RawFeatures(
        cpuinfo=host.head("/proc/cpuinfo", 8192),
        switches=tuple(host.text(path) for _, path in SWITCHES),
        pstate=pstate,
        no_turbo=host.text(f"{CPU}/intel_pstate/no_turbo") if pstate else None,
        governors=_governors(host) if pstate == "active" else frozenset(),
        idle_driver=host.text(f"{CPU}/cpuidle/current_driver"),
        max_cstate=host.text("/sys/module/intel_idle/parameters/max_cstate"),
        enclave_bytes=tuple(
            host.text(f"{NODES}/node{node}/x86/sgx_total_bytes")
            for node in sorted(cpu_list(host.text(f"{NODES}/online")) or ())[:1024]
        ),
        has_nx_gzip=host.exists("/sys/devices/vio/ibm,compression-v1/nx_gzip_caps"),
        has_rdma=all(host.exists(f"/sys/module/{name}") for name in ("ib_uverbs", "rdma_ucm")),
        nvdimm=host.entries(NVDIMM),
        kernel_options=_kernel_options(host),
    )


def _governors(host: Host) -> frozenset[str | None]:
    policies = [name for name in host.entries(f"{CPU}/cpufreq") if name.startswith("policy")]
    return frozenset(host.text(f"{CPU}/cpufreq/{name}/scaling_governor") for name in policies)


def _kernel_options(host: Host) -> frozenset[str]:
    """Return those of KERNEL_OPTIONS that the kernel was built with, none where nothing tells."""
    release = host.text("/proc/sys/kernel/osrelease") or ""
    places = ["/proc/config.gz"]
    if _RELEASE.match(release):
        places += [f"/boot/config-{release}", f"/lib/modules/{release}/config"]
    place = next((path for path in places if host.kind(path) == "file"), None)
    if place is None:
        return frozenset()
    key = "kernel options", place, release, host.stamp(place)
    known = host.remembered(key)
    if isinstance(known, frozenset):
        return known
    content = host.read(place, MAX_CONFIG_BYTES)
    if not isinstance(content, bytes):
        return frozenset()
    text = _plain(content) if place.endswith(".gz") else content
    found = frozenset(_OPTION.findall(text.decode("latin-1")))
    host.remember(key, found)
    return found


def _plain(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, MAX_CONFIG_BYTES)
    except zlib.error:
        return b""


def parse(raw: RawFeatures) -> Found[dict[str, str]] | Absent | Failed:
    """Understand the texts."""
    cpu = pairs(raw.cpuinfo, ":")
    found: dict[str, str | None] = {
        name: _true(text in ("Y", "1"))
        for (name, _), text in zip(SWITCHES, raw.switches, strict=True)
    }
    if "flags" in cpu:
        # What an x86 kernel calls model is the number; others write a name there.
        found["cpu-model.family"] = _digits(cpu.get("cpu family"))
        found["cpu-model.id"] = _digits(cpu.get("model"))
        found["cpu-security.tdx.protected"] = _true("tdx_guest" in cpu["flags"].split())
    found |= _power(raw)
    found["cpu-security.sgx.enabled"] = _true(any((number(b) or 0) > 0 for b in raw.enclave_bytes))
    found["cpu-coprocessor.nx_gzip"] = _true(raw.has_nx_gzip)
    found["custom-rdma.enabled"] = _true(raw.has_rdma)
    found["memory-nv.present"] = _true(bool(raw.nvdimm))
    found["memory-nv.dax"] = _true(any(name.startswith("dax") for name in raw.nvdimm))
    found |= {f"kernel-config.{option}": "true" for option in raw.kernel_options}
    features = {name: text for name, text in sorted(found.items()) if text is not None}
    return Found(features) if features else Absent("none of these switches is on")


def _power(raw: RawFeatures) -> dict[str, str | None]:
    """Return how Intel's drivers for frequency and idle states are set, where they are in use."""
    found: dict[str, str | None] = {}
    if raw.pstate in ("active", "passive"):
        found["cpu-pstate.status"] = raw.pstate
        found["cpu-pstate.turbo"] = {"0": "true", "1": "false"}.get(raw.no_turbo or "")
        if len(raw.governors) == 1:
            found["cpu-pstate.scaling_governor"] = short(next(iter(raw.governors)))
    deepest = number(raw.max_cstate)
    if raw.idle_driver == "intel_idle" and deepest is not None:
        found["cpu-cstate.enabled"] = "true" if deepest > 0 else "false"
    return found


def _true(holds: bool) -> str | None:
    return "true" if holds else None


def _digits(text: str | None) -> str | None:
    return text if text is not None and text.isascii() and text.isdigit() else None
