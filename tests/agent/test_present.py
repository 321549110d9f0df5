"""The table for people and the JSON for programs."""

import json

import pytest
from tests.agent.test_capability import box

from skerry_agent.capability import Collected, collect
from skerry_agent.present import human_bytes, table, to_json
from skerry_wire import codec
from skerry_wire.hardware import Hardware


def test_json_is_the_hardware_with_null_for_what_is_unknown(tree):
    collected = collect(box(tree).host)
    told = json.loads(to_json(collected))
    assert told["cpu"]["max_mhz"] is None
    assert len(told["pci"]) == 11
    assert told["pci"][0]["class"] == "020000"
    assert told["probes"]["cpu"]["duration_ms"] >= 0
    for status in told["probes"].values():
        del status["duration_ms"]
    assert codec.from_plain(Hardware, told) == collected.hardware


def test_the_table_names_what_people_look_for(tree):
    lines = table(collect(box(tree).host)).splitlines()
    text = "\n".join(lines)
    assert "tpu Google Coral USB Accelerator" in text
    assert "podman, is installed, but its socket is not there" in text
    assert lines[-1].startswith("Probes")
    assert not any(line.endswith(" ") for line in lines)


def test_a_box_that_tells_nothing_has_a_table_too():
    text = table(Collected(Hardware(), {}))
    assert "CPU" in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (2**40, "1 TiB"),
        (2**80, "1048576 EiB"),
    ],
)
def test_sizes(size, text):
    assert human_bytes(size) == text
