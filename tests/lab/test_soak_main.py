"""`./dev soak`: its exit status, and what it says."""

import json
import os

import pytest

from lab import soak_main
from lab.soak_disk import Full
from lab.soak_hung import Away

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make the runs")


def measure(count, seed):
    """Be over at once; of more than three, one is not met."""
    print("progress")
    return soak_main.Result(f"seed {seed}", count - 1 if count > 3 else count, [{"n": 1}])


RUNS = {"quick": soak_main.Run("words", "no time", "things", 4, measure)}


@ROOT
def test_only_when_each_is_met_the_exit_status_is_0(capsys):
    assert soak_main.main(["quick", "--count", "3", "--seed", "9"], RUNS) == 0
    assert capsys.readouterr().out == "seed 9\n3 of 3 things as is asked for\n"
    assert soak_main.main(["quick"], RUNS) == 1
    assert capsys.readouterr().out.endswith("3 of 4 things as is asked for\n")


@ROOT
def test_progress_stays_out_of_json(capsys):
    assert soak_main.main(["quick", "--count", "2", "-o", "json"], RUNS) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "run": "quick", "wanted": 2, "table": "seed 1", "met": 2, "each": [{"n": 1}]
    }  # fmt: skip
    assert "progress" in told.err


@pytest.mark.parametrize("words", [[], ["none"], ["kills", "--count", "0"], ["kills", "-o", "xml"]])
def test_nonsense_is_refused(words):
    with pytest.raises(SystemExit) as end:
        soak_main.main(words)
    assert end.value.code == 2


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
