"""Recorded machines of the project's own, and what is found on each.

    .venv/bin/python tests/agent/test_golden_recordings.py --update

writes what is found now over what was expected; the difference is reviewed like any other. A
recording is made with `skerry-agent record`, that of the QEMU machine with `./dev lab record`.
"""

import json
import pathlib
import sys

import pytest

from skerry_agent.present import to_json
from skerry_agent.recording.command import collect, opened

FOLDER = pathlib.Path(__file__).parent / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.tar.xz"))
MOST_BYTES = 300 * 1024


def found_on(recording):
    """Return what `skerry-agent capability --root RECORDING --json` says, without the times."""
    with opened(str(recording)) as host:
        told = json.loads(to_json(collect(host)))
    for status in told["probes"].values():
        del status["duration_ms"]
    return told


def expected_of(recording):
    return recording.with_name(recording.name.replace(".tar.xz", ".json"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
def test_what_is_found_on_a_recorded_machine(recording):
    expected = json.loads(expected_of(recording).read_text())
    found = found_on(recording)
    assert {key for key in found if found[key] != expected.get(key)} == set(), "--update shows it"
    assert found == expected


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
def test_no_probe_fails_on_it(recording):
    failed = {n: s for n, s in found_on(recording)["probes"].items() if s["status"] == "failed"}
    assert failed == {}


def test_there_are_recordings_and_they_are_small():
    assert {"qemu.tar.xz", "firecracker.tar.xz"} <= {path.name for path in RECORDINGS}
    assert all(path.stat().st_size < MOST_BYTES for path in RECORDINGS)


def test_the_machine_in_qemu_has_what_it_was_given():
    """What ./dev lab builds is known, so this is ground truth and no mere repetition."""
    found = json.loads((FOLDER / "qemu.json").read_text())
    cpu, memory = found["cpu"], found["memory"]
    assert [cpu[f"{n}_count"] for n in ("logical", "core", "package", "numa_node")] == [4, 4, 2, 2]
    assert len(memory["numa"]) == 2
    disks = {(one["transport"], one["size_bytes"]) for one in found["storage"]}
    assert {("nvme", 8 << 30), ("sata", 4 << 30), ("usb", 1 << 30)} <= disks
    assert sum(nic["hardware"] for nic in found["nics"]) == 3
    assert {nic["driver"] for nic in found["nics"]} >= {"e1000e", "virtio_net"}
    assert {(usb["vendor"], usb["product"]) for usb in found["usb"]} >= {
        ("0409", "55aa"), ("0627", "0001"), ("46f4", "0001"), ("0403", "6001"),
    }  # fmt: skip
    assert {port["name"] for port in found["serial_ports"]} == {"ttyS0", "ttyUSB0"}
    assert {dog["label"] for dog in found["watchdogs"]} == {"i6300ESB timer", "iTCO_wdt"}
    assert found["accelerators"] == []
    assert found["system"]["virtualization"] == "qemu"
    assert found["system"]["tpm_version"] == "2.0"


def update():
    for recording in RECORDINGS:
        text = json.dumps(found_on(recording), indent=1, ensure_ascii=False)
        expected_of(recording).write_text(text + "\n")
        print(f"{expected_of(recording)}: written")


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit(__doc__)
    update()
