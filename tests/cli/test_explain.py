"""`skerry explain`: every reason of every node."""

import dataclasses
import json

from tests.cli.canned import plain
from tests.cli.samples import EXPLANATION, PLACED

from skerry_cli import explain, records
from skerry_hub.model import Reason, Verdict

TEXT = """\
shop-web: 2 of 3 placed; no further node fits: memory 2 nodes (nearest: pier: lacks 180 MiB of \
memory), label 1 node

CONSTRAINT   REFUSES   ALONE
memory       2         2
label        1         0

Nearest misses
  pier: lacks 180 MiB of memory
  box-3: lacks 1 GiB of memory; node.labels.site is mars, not quay-3

NODE           FITS   SCORE                              HAS                      REASON
pier (box-2)   no     -                                  -                        memory: lacks \
180 MiB of memory
quay (box-1)   yes    0.825 (balance 0.9, spread 0.75)   shop-web-0, shop-web-1   -
box-3          no     -                                  -                        memory: lacks \
1 GiB of memory
                                                                                  label: \
node.labels.site is mars, not quay-3
"""

ASKED = "GET /api/v1/workloads/shop-web/explain"


def test_what_is_not_placed_is_explained_and_exits_3(skerry, hub):
    hub.answers[ASKED] = EXPLANATION
    done = skerry("explain", "shop-web", code=3)
    assert (done.out, done.err) == (TEXT, "")


def test_what_is_placed_is_explained_with_its_score(skerry, hub):
    hub.answers[ASKED] = PLACED
    out = skerry("explain", "shop-web").out
    assert out.startswith("shop-web: 1 of 1 placed; 1 node fits\n")
    assert "0.825 (balance 0.9, spread 0.75)" in out


def test_one_node_is_asked_for(skerry, hub):
    hub.answers[ASKED] = PLACED
    assert json.loads(skerry("explain", "shop-web", "--node", "b", "-o", "json").out) == plain(
        PLACED
    )
    assert hub.asked[-1].query == {"node": "b"}


def test_json_exits_3_too(skerry, hub):
    hub.answers[ASKED] = EXPLANATION
    assert json.loads(skerry("explain", "shop-web", "-o", "json", code=3).out) == plain(EXPLANATION)


def test_a_pipe_gets_every_node_however_many_they_are(skerry, hub):
    reasons = (Reason(constraint="memory", text="lacks it"),)
    verdicts = tuple(
        Verdict(node=f"n{i}", hostname=f"n{i}", feasible=False, reasons=reasons) for i in range(50)
    )
    hub.answers[ASKED] = dataclasses.replace(EXPLANATION, verdicts=verdicts)
    assert skerry("explain", "shop-web", code=3).out.count("memory: lacks it") == 50


def test_an_unknown_workload_is_an_error(skerry):
    assert skerry("explain", "x/../y", code=1).err.startswith("skerry: there is no")


def test_the_nearest_misses_have_the_fewest_reasons():
    found = records.read(records.Explanation, plain(EXPLANATION))
    nearest = explain.nearest_misses(found.verdicts)
    assert [verdict.node for verdict in nearest] == ["box-2", "box-3"]
