"""CDI devices: what generators write is read, what could mean something else is refused."""

import json

import pytest
from tests.agent.trees import found, result

from skerry_agent.probes.cdi import RawSpec, devices_in
from skerry_agent.probes.result import Absent, Failed

GENERATED = """\
---
cdiVersion: 0.5.0
containerEdits:
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  hooks:
  - args:
    - nvidia-cdi-hook
    - --link
    - libcuda.so.1::/usr/lib/libcuda.so
    hookName: createContainer
    name: not-a-device
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      name: not-a-device
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: GPU-4cf8db2d-06c0-7d70-1a51-e59b25b2c16c
- name: all # the last
  containerEdits: {}
kind: nvidia.com/gpu
"""


def spec(text, name="a.yaml"):
    return devices_in(RawSpec(f"/etc/cdi/{name}", text))


def test_what_a_generator_writes():
    assert spec(GENERATED) == ("nvidia.com/gpu=0", "nvidia.com/gpu=all")


def test_the_same_with_margins_and_quotes():
    text = "kind: 'vendor.com/net'\ndevices:\n  -\n    name: 'eth0'\n    annotations:\n    - x\n"
    assert spec(text) == ("vendor.com/net=eth0",)


@pytest.mark.parametrize(
    "text",
    [
        "kind: a.b/c\ndevices: [{name: x}]",
        "kind: a.b/c\ndevices: *others",
        "kind: a.b/c\ndevices:\n- &x\n  name: y",
        "kind: a.b/c\ndevices:\n- {name: x}",
        "kind: a.b/c\ndevices:\n- name: 0",
        "kind: a.b/c\ndevices:\n- name: null",
        "kind: a.b/c\ndevices:\n- name: |\n    x",
        "kind: a.b/c\ndevices:\n- name: x\n  name: y",
        "kind: a.b/c\ndevices:\n- containerEdits: {}",
        "kind: a.b/c\ndevices:\n- name: x\n y: z",
        "kind: a.b/c\nkind: a.b/d\ndevices:\n- name: x",
        "kind: a.b/c\n---\ndevices:\n- name: x",
        "kind: a.b/c\ndevices:\n\t- name: x",
        'kind: "a.b\\x2fc"\ndevices:\n- name: x',
        "kind: >\n  a.b/c\ndevices:\n- name: x",
        "devices:\n- name: x",
        "- kind",
        "kind: no-vendor\ndevices:\n- name: x",
        "x",
        "\0",
    ],
)
def test_what_could_mean_something_else_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        spec(text)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"kind": 4}', '{"devices": [4]}'])
def test_json_that_is_no_specification(text):
    with pytest.raises(ValueError, match=r"\w"):
        spec(text, "a.json")


def test_files_of_all_folders_and_one_that_is_not_understood(tree):
    told = {"kind": "hailo.ai/npu", "devices": [{"name": "hailo0"}, {"name": "hailo1"}]}
    tree.write("etc/cdi", {"hailo.json": json.dumps(told), "b.yaml": "kind: [", "c.txt": "x"})
    tree.write("run/cdi/nvidia.yaml", GENERATED).link("var/run", "/run")
    assert found(tree, "cdi") == (
        "hailo.ai/npu=hailo0",
        "hailo.ai/npu=hailo1",
        "nvidia.com/gpu=0",
        "nvidia.com/gpu=all",
    )
    assert "/etc/cdi/b.yaml" in result(tree, "cdi").reason


def test_a_file_that_is_not_understood_is_named(tree):
    answer = result(tree.write("etc/cdi/b.yaml", "kind: ["), "cdi")
    assert isinstance(answer, Failed)
    assert "/etc/cdi/b.yaml" in answer.reason


def test_none_is_absent(tree):
    assert isinstance(result(tree, "cdi"), Absent)
