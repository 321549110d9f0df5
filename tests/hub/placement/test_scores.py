"""How good nodes are, and what counts more."""

import numpy as np
import pytest
from tests.hub.placement.boxes import (
    GIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    workload,
)

from skerry_hub.model import Hold
from skerry_hub.placement import scores
from skerry_wire.hardware import RuntimeInfo

COLUMNS = fleet(
    node("a", cpus=4, memory=4 * GIB),
    node("b", cpus=8, memory=2 * GIB, accelerators=[accelerator("1")]),
    node("c", cpus=None, memory=None, runtimes=(RuntimeInfo(name="podman"),)),
    reserved=[
        assignment("x-0", "a", of=workload(cpu=1000)),
        assignment("x-1", "a", of=workload(cpu=1000)),
    ],
)


def of(score, load=None, own=(0, 0, 0)):
    rows = COLUMNS.rows()
    return score(COLUMNS, load or workload(), np.array(own), rows).tolist()


def test_each_score_says_what_it_prefers():
    assert of(scores.spread, own=(0, 1, 3)) == [1.0, 0.5, 0.25]
    assert of(scores.runtime) == [1.0, 1.0, 0.0]
    assert of(scores.accelerators) == [1.0, 0.0, 1.0]
    assert of(scores.accelerators, workload(accelerators=[gpus()])) == [1.0, 1.0, 1.0]
    assert of(scores.quiet) == [1 / 3, 1.0, 1.0]
    assert of(scores.balance, workload(cpu=1000, memory=GIB)) == [0.25, 0.5, 0.0]


def test_an_idle_accelerator_is_left_alone_but_a_taken_one_wastes_nothing():
    columns = fleet(
        node("a", accelerators=[accelerator("1")]),
        reserved=[assignment("x-0", "a", held=(Hold(device="gpu/1"),))],
    )
    assert scores.accelerators(columns, workload(), np.array([0]), columns.rows()).tolist() == [1.0]


def test_every_score_is_between_0_and_1_and_so_is_their_mean():
    total, parts = scores.score_all(
        COLUMNS, workload(cpu=10**7), np.array([9, 0, 0]), COLUMNS.rows()
    )
    assert list(parts) == [score.name for score in scores.SCORES]
    for values in (total, *parts.values()):
        assert np.all((values >= 0) & (values <= 1))


@pytest.mark.parametrize("index", range(len(scores.SCORES)))
def test_the_first_instance_on_a_node_weighs_more_than_all_that_comes_after(index):
    weights = [score.weight for score in scores.SCORES]
    rest = sum(weights[index + 1 :])
    if scores.SCORES[index].name in ("runtime", "accelerators"):
        assert weights[index] >= rest
    elif scores.SCORES[index].name == "spread":
        assert weights[index] / 2 > rest


def test_a_single_row_scores_as_it_does_among_all():
    rows, own = COLUMNS.rows(), np.array([2, 1, 0])
    load = workload(cpu=333, memory=12345)
    whole, _ = scores.score_all(COLUMNS, load, own, rows)
    for index in range(len(rows)):
        alone, _ = scores.score_all(COLUMNS, load, own[[index]], rows[[index]])
        assert alone[0] == whole[index]
