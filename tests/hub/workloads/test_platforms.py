"""The key `platform`."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.model import Constraint


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ("linux/arm64", "arch", "arm64"),
        ("linux/arm64/v8", "arch", "arm64"),
        ("linux/amd64", "arch", "amd64"),
        ("linux/x86_64", "arch", "amd64"),
        ("linux/arm/v7", "arch", "armv7l"),
        ("linux/arm", "arch", "arm"),
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
