"""What the soaks of whole boxes count, from beats that are written down here."""

import dataclasses
import json
import pathlib
import tarfile

import pytest

from lab import beat, oci_image, soak_links, soak_partitions, soak_power
from lab.beat import Beat
from lab.uml_fleet import service
from skerry_hub.workloads.compose import SourceFile, parse


def row(box, begin, end, instance="writer1", revision="good", every=0.2):
    """Return the beats of a row."""
    count = round((end - begin) / every) + 1
    return [Beat(begin + n * every, box, instance, revision, n * every) for n in range(count)]


def spans(found):
    return [(one.instance, set(one.boxes), one.from_s, pytest.approx(one.to_s)) for one in found]


def test_two_boxes_that_beat_at_once_overlap_for_as_long_as_both_did():
    beats = row("a", 0, 10) + row("b", 8, 20) + row("a", 30, 31)
    assert spans(beat.overlaps(beats)) == [("writer1", {"a", "b"}, 8, 10.0)]


@pytest.mark.parametrize(
    "beats",
    [
        row("a", 0, 10) + row("b", 10.2, 20),
        row("a", 0, 10) + row("a", 9, 20),
        row("a", 0, 10) + row("b", 5, 6, instance="writer2"),
        row("a", 0, 1) + row("b", 2, 3) + row("a", 5, 6),
    ],
)
def test_what_did_not_run_at_once_does_not_overlap(beats):
    assert beat.overlaps(beats) == []


def late(beats, *delays_s):
    """Return beats as they come when each waits on its way."""
    return [
        dataclasses.replace(beat, at_s=beat.at_s + delays_s[n % len(delays_s)])
        for n, beat in enumerate(beats)
    ]


def test_beats_that_came_late_count_from_when_they_were_sent():
    one, other = row("a", 0, 10), row("b", 10.2, 20)
    assert spans(beat.overlaps(late(one, 0.0, 1.5) + other)) != []
    assert beat.overlaps(beat.as_sent(late(one, 0.0, 1.5) + late(other, 0.9, 0.0))) == []
    both = late(one, 0.1, 0.9) + late(row("b", 9.0, 20), 0.1, 0.0, 3.0)
    (found,) = beat.overlaps(beat.as_sent(both))
    assert found.to_s - found.from_s == pytest.approx(1.0, abs=0.11)


def test_a_boot_has_a_time_of_its_own():
    beats = row("a", 100, 110) + late(row("a", 130, 140), 2.0, 0.5)
    sent = beat.as_sent(beats)
    assert [one.at_s for one in sent[:51]] == pytest.approx([100 + 0.2 * n for n in range(51)])
    assert sorted(one.at_s for one in sent[51:]) == pytest.approx(
        [130.5 + 0.2 * n for n in range(51)]
    )


def test_what_is_listened_to_is_kept_for_a_while():
    listener = beat.Listener("127.0.0.1")
    listener.take("a", "writer1 good 5.0\n")
    listener.take("a", "writer1 good 12")  # of 12.2: the power went
    listener.take("a", "\n")
    (found,) = listener.since(0.0)
    assert (found.box, found.instance, found.boot_s) == ("a", "writer1", 5.0)
    assert listener.since(found.at_s + 1.0) == []


def test_a_row_that_is_hidden_by_a_longer_one_is_found():
    beats = row("a", 0, 100) + row("b", 10, 11) + row("b", 50, 52)
    assert len(beat.overlaps(beats)) == 2


def test_a_box_that_runs_two_revisions_at_once_is_seen_and_a_change_is_not():
    both = row("a", 0, 5) + row("a", 3, 9, revision="better")
    assert soak_power.both_at_once(both) == pytest.approx(2.0)
    change = row("a", 0, 5) + row("a", 5.2, 9, revision="better")
    assert soak_power.both_at_once(change) == 0.0


def test_the_tables_tell_what_went_wrong():
    bad = soak_power.Cut("box-1", 1, "pull", 2.0, "r1", 30.0, None, "never")
    good = soak_power.Cut("box-1", 2, "remove", 2.0, "nothing", None, 40.0)
    assert "2 cuts (0 of update, 1 of pull, 1 of remove): 1 came up" in soak_power.table(
        [bad, good]
    )
    overlap = beat.Overlap("writer1", ("a", "b"), 1.0, 4.0)
    trouble = soak_partitions.Trouble(1, "power", "box-1", 5.0, 2, (overlap,), "")
    assert "2 moves, 1 overlaps, 0 stuck" in soak_partitions.table([trouble])
    traffic = soak_links.Traffic(2048, 1024)
    order = soak_links.Ordered(1, "box-1", 9.0, traffic, 0, 3600.0, traffic, 1, 3609.0, (7.0,))
    text = soak_links.table([order])
    assert "1 orders, 1 came: 9 s (median)" in text
    assert "2.0 KiB up, 1.0 KiB down" in text
    assert "idle, an hour: 2 KiB up, 1 KiB down" in text
    assert "falsely lost: 7 s after the start in 3609 s" in text
    assert not order.met


def test_the_services_are_compose_files_that_the_hub_takes():
    text = service("good", "writer1", x_lifecycle="{stopAfter: 15s, lostAfter: 10s}")
    (found,) = parse([SourceFile("lab.yaml", text, "lab")])
    assert (found.workload.name, found.workload.lifecycle.lease_s) == ("lab-writer1", 15)
    (other,) = parse([SourceFile("lab.yaml", service("x", image="registry.example/beat:7"), "lab")])
    assert other.workload.containers[0].image == "registry.example/beat:7"


def test_an_image_for_a_registry_names_its_blobs():
    parts = oci_image.parts(beat.image_tar("10.77.0.1", "good"))
    manifest = json.loads(parts.manifest)
    assert manifest["layers"][0]["digest"] == oci_image.digest(parts.layer)
    assert manifest["config"]["digest"] == oci_image.digest(parts.config)
    assert json.loads(parts.config)["rootfs"]["diff_ids"] == [oci_image.digest(parts.layer)]


def test_an_image_that_beats_has_its_programs(tmp_path):
    place = pathlib.Path(tmp_path / "image.tar")
    place.write_bytes(beat.image_tar("10.77.0.1", "bad", healthy=False))
    with tarfile.open(place) as archive:
        assert archive.extractfile("revision").read() == b"bad"
        assert archive.extractfile("bin/check").read().endswith(b"exit 1\n")
        assert b"nc 10.77.0.1 9999" in archive.extractfile("bin/beat").read()
