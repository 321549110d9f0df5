"""Why an instance is where it is, in people's words."""

import dataclasses

import pytest

from skerry_cli.records import Part, Reason, Runner, Standing
from skerry_cli.standing_text import lines, made_up
from skerry_cli.words import node_name

SCORES = {
    "balance": Part(value=0.75, weight=10, points=7.5),
    "runtime": Part(value=1, weight=160, points=160),
}
NEXT = Runner(
    node="box-3",
    hostname="pier",
    score=0.97,
    points=165.0,
    ahead=-2.5,
    differences={"balance": -2.5},
)
GOOD = Standing(
    instance="shop-web-0",
    node="box-1",
    hostname="quay",
    score=0.9853,
    points=167.5,
    most=170,
    scores=SCORES,
    runners_up=(NEXT,),
)
SKEW = Reason(
    constraint="spread over site",
    text="2 in site quay and 0 in site pier: one more is a skew over 1",
)
MEMORY = Reason(constraint="memory", text="memory 180 MiB free < 256 MiB")


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (
            GOOD,
            [
                "shop-web-0 on quay (box-1): score 0.985 (167.5 of 170 points); no node is better",
                "  runtime 1 × 160 = 160, balance 0.75 × 10 = 7.5",
                "  next: pier (box-3) 165 points: balance -2.5",
            ],
        ),
        (
            dataclasses.replace(
                GOOD,
                better=2,
                decision=12,
                decided_at=1_790_000_000.0,
                runners_up=(
                    dataclasses.replace(
                        NEXT, points=170.0, ahead=2.5, differences={"balance": 2.5}
                    ),
                    dataclasses.replace(NEXT, points=167.5, ahead=0.0, differences={}),
                ),
            ),
            [
                "shop-web-0 on quay (box-1): score 0.985 (167.5 of 170 points); "
                "not the best any more: 2 nodes are better now",
                "  runtime 1 × 160 = 160, balance 0.75 × 10 = 7.5",
                "  better: pier (box-3) 170 points: balance +2.5",
                "  next: pier (box-3) 167.5 points: the same in every part",
                "  put there 2026-09-21T14:13:20Z by decision 12: skerry replay 12 --scores",
            ],
        ),
        (
            Standing(
                instance="shop-web-0",
                node="box-1",
                hostname="box-1",
                unmet=(MEMORY,),
                closed=(Reason(constraint="online", text="node is lost"),),
                runners_up=(dataclasses.replace(NEXT, ahead=None, differences={}),),
            ),
            [
                "shop-web-0 on box-1: does not meet what is asked for any more, "
                "and leaves at the next apply",
                "  memory: memory 180 MiB free < 256 MiB",
                "  online: node is lost",
                "  would take it: pier (box-3), score 0.97",
            ],
        ),
        (
            Standing(instance="a-0", node="b", hostname="b", unmet=(SKEW,)),
            [
                "a-0 on b: not spread as asked; the next apply moves as few as mend it",
                f"  spread over site: {SKEW.text}",
            ],
        ),
        (
            Standing(instance="a-0", node="b", hostname="b", unmet=(MEMORY,), keeps_former=True),
            [
                "a-0 on b: keeps its former revision until a node takes the new one, "
                "which its own does not",
                "  memory: memory 180 MiB free < 256 MiB",
            ],
        ),
        (
            Standing(instance="a-0", node="b", hostname="b", unmet=(SKEW, MEMORY)),
            [
                "a-0 on b: does not meet what is asked for any more, and leaves at the next apply",
                f"  spread over site: {SKEW.text}",
                "  memory: memory 180 MiB free < 256 MiB",
            ],
        ),
        (
            Standing(instance="a-0", node="b", hostname="b", closed=(MEMORY,)),
            [
                "a-0 on b: stays, but nothing new would come there",
                "  memory: memory 180 MiB free < 256 MiB",
            ],
        ),
        (
            dataclasses.replace(GOOD, better=1, points=None, scores={}, runners_up=()),
            [
                "shop-web-0 on quay (box-1): score 0.985; "
                "not the best any more: 1 node is better now",
                "  ",
            ],
        ),
    ],
)
def test_it_is_told_in_lines(standing, told):
    assert list(lines(standing)) == told


def test_parts_and_names():
    assert made_up({}) == ""
    assert (node_name("a", "a"), node_name("a", "b")) == ("a", "a (b)")
