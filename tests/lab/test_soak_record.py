"""What is kept of soaks: it comes back as it was."""

import dataclasses
import json

import pytest

from lab import beat, soak_record
from lab.processes import LabError
from lab.soak_disk import Full
from lab.soak_hung import Away
from lab.soak_kills import Kill
from lab.soak_links import Ordered, Traffic
from lab.soak_loss import Found
from lab.soak_offline import Result
from lab.soak_partitions import Trouble
from lab.soak_power import Cut

LOST = Found(boxes=2, killed=1, instances=1, seconds=(1.5,), missing=(), false_losses=("a",))
EVERY = [
    Kill(1, "agent", 0.1, ("a-0",), 2.0, ("a-0 is gone",)),
    Full("state", 5.0, ("No space left",), (), 1.0, None),
    Away("gone", 5.0, 1.0, "said", 1.0, None, 12.0, 3.0),
    LOST,
    Cut("box-1", 1, "pull", 2.0, "r1", 30.0, None, "never"),
    Trouble(1, "power", "box-1", 5.0, 2, (beat.Overlap("w", ("a", "b"), 1.0, 4.0),)),
    Ordered(1, "box-1", None, Traffic(1, 2), 0, 9.0, Traffic(3, 4), 1, 12.0, (7.0,)),
    Result("clock in 1970", "seen", "wrong"),
]


@pytest.mark.parametrize("one", EVERY, ids=lambda one: type(one).__name__)
def test_each_comes_back_as_it_was(one):
    plain = json.loads(json.dumps(dataclasses.asdict(one)))
    assert soak_record.built(type(one), plain) == one


@pytest.mark.parametrize("plain", [None, 3, {"number": 1}, {"overlaps": 3}, {"overlaps": [3]}])
def test_what_is_none_is_refused(plain):
    with pytest.raises((TypeError, KeyError, ValueError)):
        soak_record.built(Trouble, plain)


def test_a_line_that_was_cut_short_is_left_out_and_the_next_run_goes_on_below(tmp_path):
    place, warned = tmp_path / "runs.jsonl", []
    soak_record.Record(place, "kills", 3).keep(EVERY[0])
    with place.open("a") as file:
        file.write('{"run": "kills", "se')
    soak_record.Record(place, "kills", 4).keep(EVERY[0])
    lines = soak_record.read(place, warned.append)
    assert [(line.run, line.seed) for line in lines] == [("kills", 3), ("kills", 4)]
    assert [soak_record.built(Kill, line.found) for line in lines] == [EVERY[0]] * 2
    assert len(lines[0].load) == 3
    assert lines[0].commit
    assert warned[0].startswith(f"{place}:2: left out: ")


def test_where_lines_come_from():
    one = soak_record.Line("kills", 3, "abc", "2026-01-01T00:00:00", "2026-01-01T01", (1.0,), {})
    two = dataclasses.replace(one, seed=4, commit="def", at="2026-01-02T01", load=(3.0,))
    assert soak_record.origin_of([one, two]) == (
        "2 runs, 2026-01-01 to 2026-01-02, commit abc, def, seed 3, 4, load 3.0 (1.0 to 3.0)"
    )


def test_a_file_that_cannot_be_written_is_said_before_anything_runs(tmp_path):
    with pytest.raises(LabError, match=r"--save .*: Is a directory"):
        soak_record.Record(tmp_path, "kills", 1)
