"""What is sent when, and how much of it: transcripts with a clock of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_executor.pieces import GATHER_S, MOST_WAITING_BYTES, PART_BYTES, Limits, Pieces


def drained(pieces, now=0.0):
    found = []
    while (due_at := pieces.due_at(ended=True)) is not None:
        now = max(now, due_at)
        found.append((now, *pieces.take(now)))
    return found


def test_what_is_written_at_once_is_sent_together():
    pieces = Pieces(Limits())
    assert pieces.due_at(ended=True) is None
    for number in range(3):
        pieces.add("out", b"%d\n" % number, 10.0 + number / 100)
    assert pieces.due_at(ended=False) == 10.0 + GATHER_S
    assert pieces.due_at(ended=True) == 10.0
    assert pieces.take(10.1) == ("out", b"0\n1\n2\n")
    assert pieces.due_at(ended=False) is None


def test_streams_keep_apart_and_in_order():
    pieces = Pieces(Limits())
    for stream, data in (("out", b"a"), ("out", b"b"), ("err", b"c"), ("out", b"d")):
        pieces.add(stream, data, 0.0)
    assert [part[1:] for part in drained(pieces)] == [("out", b"ab"), ("err", b"c"), ("out", b"d")]


def test_a_large_piece_goes_in_parts_and_at_once():
    pieces = Pieces(Limits())
    pieces.add("out", b"x" * (PART_BYTES + 5), 0.0)
    assert pieces.due_at(ended=False) == 0.0
    assert [len(part[2]) for part in drained(pieces)] == [PART_BYTES, 5]


def test_whoever_writes_more_than_is_sent_has_to_wait():
    pieces = Pieces(Limits())
    pieces.add("out", b"x" * MOST_WAITING_BYTES, 0.0)
    assert pieces.full
    pieces.take(0.0)
    assert not pieces.full


def test_the_answer_is_cut_off_at_its_limit():
    pieces = Pieces(Limits(total_bytes=10))
    pieces.add("out", b"x" * 8, 0.0)
    assert not pieces.cut
    pieces.add("err", b"y" * 8, 0.0)
    pieces.add("out", b"z", 0.0)
    assert pieces.cut
    assert [part[1:] for part in drained(pieces)] == [("out", b"x" * 8), ("err", b"yy")]


def test_a_rate_lets_a_burst_pass_and_then_holds():
    pieces = Pieces(Limits(bytes_per_s=1000.0, burst_bytes=2000))
    sent, now = 0, 100.0
    while now < 110.0:
        pieces.add("out", b"x" * 500, now)
        now = max(now, pieces.due_at(ended=True))
        sent += len(pieces.take(now)[1])
    assert 12_000 <= sent <= 12_500
    pieces.add("out", b"x", 500.0)
    assert pieces.due_at(ended=True) == 500.0, "silence saves up no more than the burst"


@given(
    st.lists(st.tuples(st.sampled_from(["out", "err"]), st.binary(max_size=70_000)), max_size=12)
)
def test_nothing_is_lost_or_mixed_up(written):
    pieces = Pieces(Limits())
    for stream, data in written:
        pieces.add(stream, data, 0.0)
    parts = drained(pieces)
    assert all(0 < len(data) <= PART_BYTES for _, _, data in parts)
    for stream in ("out", "err"):
        said = b"".join(data for name, data in written if name == stream)
        assert b"".join(data for _, name, data in parts if name == stream) == said
    assert pieces.waiting_bytes == 0


@pytest.mark.parametrize("limits", [Limits(), Limits(total_bytes=5)])
def test_nothing_written_is_nothing_to_send(limits):
    pieces = Pieces(limits)
    pieces.add("out", b"", 0.0)
    assert pieces.due_at(ended=True) is None
    assert not pieces.cut
