import lzma
import pathlib

import numpy as np
import pytest
from benchmarks import latency
from benchmarks.row import BenchError


def test_a_matrix_is_read_plain_or_packed_as_the_mean_of_both_ways(tmp_path: pathlib.Path) -> None:
    text = "0\t10\t0\n20\t0\t4\n0\t0\t0\n"
    (tmp_path / "plain").write_text(text)
    (tmp_path / "packed.xz").write_bytes(lzma.compress(text.encode()))
    for name in ("plain", "packed"):
        assert latency.read(tmp_path, name).tolist() == [[0, 15, 0], [15, 0, 4], [0, 4, 0]]


@pytest.mark.parametrize("text", ["", "0 1\n1 0\n", "0 1 2\n1 0\n", "0 x 1\n" * 3, "0 -1 1\n" * 3])
def test_what_is_no_matrix_is_refused(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "m").write_text(text)
    with pytest.raises(BenchError, match=r"^m:"):
        latency.read(tmp_path, "m")


def test_a_missing_matrix_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BenchError, match=r"has no m and no m\.xz"):
        latency.read(tmp_path, "m")


def test_each_node_picks_others_with_a_time_only() -> None:
    true = np.ones((9, 9)) - np.eye(9)
    true[0, 1:7] = 0
    picks = latency.pick(true, 4, 1)
    assert picks.sum(1).tolist() == [2] + [4] * 8
    assert not picks[true == 0].any()


def test_both_methods_are_measured_on_pairs_that_nobody_measured(tmp_path: pathlib.Path) -> None:
    at = np.random.default_rng(3).uniform(0, 100, (60, 2))
    true = np.linalg.norm(at[:, None] - at[None], axis=2) + 4 * (1 - np.eye(60))
    lines = "\n".join(" ".join(f"{ms:.3f}" for ms in row) for row in true)
    for name in latency.MATRICES:
        (tmp_path / name).write_text(lines)
    results = list(latency.measure(tmp_path, 16, 1))
    assert [(row.counted, row.method) for row in results[:4]] == [
        (counted, method) for counted in latency.COUNTED for method in ("plain Vivaldi", "Skerry")
    ]
    plain, skerry = results[:2]
    assert plain.pairs == skerry.pairs == round(60 * (59 - plain.measured_per_node) / 2)
    assert 0 < skerry.median_percent < plain.median_percent < 25
    assert "| Skerry |" in latency.table(results)
    with pytest.raises(BenchError, match="cannot be picked"):
        list(latency.measure(tmp_path, 60, 1))
