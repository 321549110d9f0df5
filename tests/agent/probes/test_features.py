"""Switches of processor and kernel, by Node Feature Discovery's names."""

import gzip

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.features import SWITCHES
from skerry_agent.probes.result import Absent

CPU = "sys/devices/system/cpu"
CONFIG = "# CONFIG_NO_HZ_FULL is not set\nCONFIG_NO_HZ=y\nCONFIG_PREEMPT_RCU=y\nCONFIG_PREEMPT=m\n"


@pytest.mark.parametrize(("name", "path"), SWITCHES)
@pytest.mark.parametrize(("text", "is_on"), [("Y", True), ("1", True), ("N", False), ("0", False)])
def test_a_switch_is_told_when_it_is_on(tree, name, path, text, is_on):
    tree.write(path.lstrip("/"), text)
    if is_on:
        assert found(tree, "features") == {name: "true"}
    else:
        assert isinstance(result(tree, "features"), Absent)


def test_an_x86_model_is_a_number(tree):
    block = {"vendor_id": "GenuineIntel", "cpu family": 6, "model": 143, "model name": "Xeon"}
    tree.cpuinfo({**block, "flags": "fpu tdx_guest"})
    assert found(tree, "features") == {
        "cpu-model.family": "6",
        "cpu-model.id": "143",
        "cpu-security.tdx.protected": "true",
    }


def test_other_architectures_have_no_such_model(tree):
    tree.cpuinfo({"processor": 0, "model": "IBM,9009-42A", "cpu family": "x"})
    assert isinstance(result(tree, "features"), Absent)


def test_how_frequency_and_idle_states_are_driven(tree):
    tree.write(f"{CPU}/intel_pstate", {"status": "active", "no_turbo": 1})
    for number in (0, 4):
        tree.write(f"{CPU}/cpufreq/policy{number}/scaling_governor", "powersave")
    tree.write(f"{CPU}/cpuidle/current_driver", "intel_idle")
    tree.write("sys/module/intel_idle/parameters/max_cstate", 0)
    assert found(tree, "features") == {
        "cpu-cstate.enabled": "false",
        "cpu-pstate.scaling_governor": "powersave",
        "cpu-pstate.status": "active",
        "cpu-pstate.turbo": "false",
    }


def test_governors_that_differ_are_none(tree):
    tree.write(f"{CPU}/intel_pstate", {"status": "active", "no_turbo": 0})
    tree.write(f"{CPU}/cpufreq/policy0/scaling_governor", "powersave")
    tree.write(f"{CPU}/cpufreq/policy1/scaling_governor", "performance")
    assert found(tree, "features") == {"cpu-pstate.status": "active", "cpu-pstate.turbo": "true"}


def test_a_driver_that_is_off_says_nothing(tree):
    tree.write(f"{CPU}/intel_pstate", {"status": "off", "no_turbo": 0})
    tree.write(f"{CPU}/cpuidle/current_driver", "acpi_idle")
    tree.write("sys/module/intel_idle/parameters/max_cstate", 9)
    assert isinstance(result(tree, "features"), Absent)


def test_enclaves_memory_and_modules(tree):
    tree.write("sys/devices/system/node/online", "0-1")
    tree.write("sys/devices/system/node/node1/x86/sgx_total_bytes", 4096)
    tree.write("sys/bus/nd/devices", {"dax0.0": {}, "region0": {}})
    tree.write("sys/module", {"ib_uverbs": {}, "rdma_ucm": {}})
    tree.write("sys/devices/vio/ibm,compression-v1/nx_gzip_caps", {})
    assert found(tree, "features") == {
        "cpu-coprocessor.nx_gzip": "true",
        "cpu-security.sgx.enabled": "true",
        "custom-rdma.enabled": "true",
        "memory-nv.dax": "true",
        "memory-nv.present": "true",
    }


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("proc/config.gz", gzip.compress(CONFIG.encode())),
        ("boot/config-6.1.0-13+rpi", CONFIG.encode()),
    ],
)
def test_options_of_the_kernel(tree, place, content):
    tree.write("proc/sys/kernel/osrelease", "6.1.0-13+rpi").write(place, content)
    assert found(tree, "features") == {
        "kernel-config.NO_HZ": "true",
        "kernel-config.PREEMPT": "true",
    }


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"x" * 2**26), b"\x1f\x8b"])
def test_a_configuration_that_is_none_or_a_bomb(tree, content):
    assert isinstance(result(tree.write("proc/config.gz", content), "features"), Absent)


def test_a_release_that_would_lead_elsewhere_is_not_followed(tree):
    tree.write("proc/sys/kernel/osrelease", "../etc/x").write("etc/x", CONFIG)
    tree.write("boot/config-../etc/x", CONFIG)
    assert isinstance(result(tree, "features"), Absent)
