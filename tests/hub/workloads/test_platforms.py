"""The key `platform`."""

import numpy as np
import pytest
from tests.hub.placement.boxes import fleet, node
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.model import Constraint
from skerry_hub.placement.reading import expression


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ("linux/arm64", "arch", "arm64"),
        ("linux/arm64/v8", "arch", "arm64"),
        ("linux/amd64", "arch", "amd64"),
        ("linux/x86_64", "arch", "amd64"),
        ("linux/arm/v7", "arch", "armv7l"),
        ("linux/arm", "arch", "arm"),
        ("linux/arm/v6", "arch", "arm"),
        ("linux", "os", "linux"),
    ],
)
def test_a_platform_is_a_constraint(written, key, value):
    found = Constraint(key=f"node.platform.{key}", operator="==", value=value)
    assert workload(f"platform: {written}").constraints == (found,)


def test_it_comes_after_those_of_deploy_and_agrees_with_them():
    part = "platform: linux/arm64\ndeploy: {placement: {constraints: [node.platform.arch == %s]}}"
    assert [one.value for one in workload(part % "aarch64").constraints] == ["aarch64", "arm64"]
    ((line, field, reason),) = refusals(part % "x86_64")
    assert (line, field) == (4, "platform")
    assert "no node can fulfil node.platform.arch == arm64" in reason


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("windows/amd64", "every node is linux; write linux/arm64"),
        ("arm64", "every node is linux"),
        ("linux/amd64/v3", "node.hardware.cpu.flags contains avx2"),
        ("linux/arm65", "'arm65' is none of 386, amd64"),
        ("linux/", "'' is none of"),
        ("[linux/arm64]", "must be a text"),
    ],
)
def test_what_is_no_platform(written, reason):
    ((line, field, said),) = refusals(f"platform: {written}")
    assert (line, field) == (4, "platform")
    assert reason in said


# --- several --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("[linux/amd64, linux/arm64]", {"x86_64", "aarch64"}),
        ("[linux/arm/v7]", {"armv7l"}),
        ("[linux/arm/v6, linux/arm64/v8]", {"armv6l", "armv7l", "aarch64"}),
        ("[linux/386, linux/386]", {"i686"}),
    ],
)
def test_of_several_platforms_a_node_is_one(written, fits):
    (found,) = workload(f"x-placement: {{platforms: {written}}}").expressions
    test = expression(found)
    every = ("x86_64", "aarch64", "armv7l", "armv6l", "i686", "riscv64")
    boxes = {arch: node(arch, arch=arch) for arch in every}
    columns = fleet(*boxes.values())
    passing = {arch for arch in boxes if test.over(columns, np.array([columns.row(arch)]))[0]}
    assert passing == fits


@pytest.mark.parametrize(
    ("written", "place", "reason"),
    [
        ("[]", "x-placement.platforms", "must be 1 to 16 platforms"),
        ("[linux]", "x-placement.platforms", "linux alone is every node"),
        ("[linux/amd64, windows/amd64]", "x-placement.platforms[1]", "every node is linux"),
        ("linux/arm64", "x-placement.platforms", "must be a list"),
    ],
)
def test_what_is_no_list_of_platforms(written, place, reason):
    ((_, field, said),) = refusals(f"x-placement: {{platforms: {written}}}")
    assert field == place
    assert reason in said


def test_platforms_that_contradict_compose_s_own_are_refused():
    part = "platform: linux/s390x\nx-placement: {platforms: [linux/amd64, linux/arm64]}"
    ((_, _, reason),) = refusals(part)
    assert "no node can fulfil" in reason
