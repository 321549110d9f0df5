"""`./dev soak`: its exit status, what it says, and what it makes of several runs."""

import dataclasses
import json

import pytest

from lab import soak_main
from lab.soak_disk import Full
from lab.soak_hung import Away
from lab.soak_progress import Progress
from lab.soak_record import Record
from lab.soak_runs import RUNS, Run, Soak


@dataclasses.dataclass(frozen=True)
class Thing:
    number: int

    @property
    def met(self):
        return self.number < 4


def measure(count, seed, progress):
    """Be over at once; the fourth is not met."""
    print(f"seed {seed}")
    for number in range(1, count + 1):
        progress.add(Thing(number))
        if progress.ended:
            return


QUICK = {
    "quick": Run(
        "words",
        "no time",
        "things",
        4,
        lambda: Soak(Thing, measure, lambda found: f"{len(found)} things"),
    )
}


def made(*words, ended=False):
    given = soak_main.parse(["quick", *words], QUICK)
    progress = Progress(given.count or 4, "things", say=lambda _: None)
    if ended:
        progress.end()
    return soak_main.measured(given, QUICK["quick"], progress)


def test_only_when_each_is_met_the_exit_status_is_0(capsys):
    assert made("--count", "3", "--seed", "9") == 0
    told = capsys.readouterr()
    assert told.out == "3 things\n3 of 3 as is asked for; wanted: 3 things\n"
    assert "seed 9" in told.err
    assert made() == 1
    assert capsys.readouterr().out.endswith("3 of 4 as is asked for; wanted: 4 things\n")


def test_what_was_ended_early_says_what_it_saw(capsys):
    assert made("--count", "3", ended=True) == 130
    assert capsys.readouterr().out.endswith("1 of 1 as is asked for; wanted: 3 things\n")


def test_progress_stays_out_of_json(capsys):
    assert made("--count", "1", "--seed", "2", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "run": "quick", "seed": 2, "wanted": 1, "met": 1, "table": "1 things",
        "each": [{"number": 1}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [[], ["none"], ["kills", "--count", "0"], ["kills", "-o", "xml"], ["report"], ["kills", "a"]],
)
def test_nonsense_is_refused(words):
    with pytest.raises(SystemExit) as end:
        soak_main.main(words)
    assert end.value.code == 2


def test_a_report_sums_up_the_runs_of_all_files(tmp_path, capsys):
    for seed in (1, 2):
        record = Record(tmp_path / f"{seed}.jsonl", "quick", seed)
        record.keep(Thing(seed))
    places = [str(tmp_path / "1.jsonl"), str(tmp_path / "2.jsonl")]
    assert soak_main.main(["report", *places], QUICK) == 0
    told = capsys.readouterr().out
    assert told.startswith("quick: 2 runs, ")
    assert told.endswith("\n2 things\n2 of 2 as is asked for\n\n")
    record.keep(Thing(4))
    assert soak_main.main(["report", *places, "-o", "json"], QUICK) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["met"], found["of"], found["table"]) == (2, 3, "3 things")


def test_a_file_that_is_not_there_is_said(tmp_path, capsys):
    assert soak_main.main(["report", str(tmp_path / "none")], QUICK) == 1
    assert "none: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(RUNS))
def test_a_table_of_nothing_is_one(name):
    assert RUNS[name].load().table([]) or name in ("disk", "hung", "offline")


FULL = Full("state", 5.0, ("No space left",), (), 1.0, 3.0)
AWAY = Away("gone", 5.0, 1.0, "said", 1.0, 1.0, 12.0, 3.0)


@pytest.mark.parametrize(
    ("found", "met"),
    [
        (FULL, True),
        (AWAY, True),
        (Full("state", 5.0, (), (), 1.0, 3.0), False),
        (Full("state", 5.0, ("said",), ("a-0",), 1.0, 3.0), False),
        (Full("state", 5.0, ("said",), (), 1.0, 61.0), False),
        (Away("gone", 5.0, None, "", 1.0, 1.0, 12.0, 3.0), False),
        (Away("gone", 5.0, 1.0, "said", 6.0, 1.0, 12.0, 3.0), False),
        (Away("hung", 5.0, 1.0, "said", 1.0, 1.0, 17.0, 3.0), False),
        (Away("hung", 5.0, 1.0, "said", 1.0, 1.0, 12.0, 61.0), False),
    ],
)
def test_what_is_asked_for(found, met):
    assert found.met == met
