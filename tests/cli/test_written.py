"""What containers wrote, as bytes, lines, and text for a terminal."""

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_cli.failures import UnexpectedAnswerError
from skerry_cli.written import MOST_LINE_BYTES, LineBuffer, Writer, passed_on


class Terminal(io.TextIOWrapper):
    def __init__(self, tty):
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.tty = tty

    def isatty(self):
        return self.tty

    @property
    def said(self):
        return self.buffer.getvalue()


@pytest.fixture
def streams():
    return lambda tty: {"out": Terminal(tty), "err": Terminal(tty)}


def test_elsewhere_than_on_a_terminal_the_bytes_come_as_they_are(streams):
    targets = streams(False)
    writer = Writer(targets=targets)
    writer.write("out", b"a\x1b[31m\xff")
    writer.write("err", b"e")
    assert (targets["out"].said, targets["err"].said) == (b"a\x1b[31m\xff", b"e")
    writer.end()
    assert targets["out"].said == b"a\x1b[31m\xff"


def test_a_terminal_is_not_given_what_it_would_act_upon(streams):
    targets = streams(True)
    writer = Writer(targets=targets)
    writer.write("out", b"a\t\x1b[31mred\xff\r\n$ ")
    assert targets["out"].said.decode() == "a\t\\x1b[31mred\ufffd\n$ "


def test_with_a_prefix_lines_stay_whole(streams):
    targets = streams(False)
    one, other = Writer("one | ", targets=targets), Writer("other | ", targets=targets)
    one.write("out", b"1a")
    other.write("out", b"2\n")
    one.write("out", b"b\n1c")
    one.end()
    assert targets["out"].said == b"other | 2\none | 1ab\none | 1c\n"


@given(st.lists(st.binary(max_size=50)))
def test_lines_lose_nothing(pieces):
    lines = LineBuffer()
    found = [line for piece in pieces for line in lines.feed(piece)]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in found)
    assert b"".join(found) + lines.rest() == b"".join(pieces)


def test_a_line_without_end_does_not_fill_the_memory():
    lines = LineBuffer()
    found = [line for _ in range(100) for line in lines.feed(b"x" * 10_000)]
    assert max(map(len, found)) <= MOST_LINE_BYTES + 10_000
    assert len(lines.rest()) <= MOST_LINE_BYTES


def line(data, stream="out"):
    return {"stream": stream, "data": base64.b64encode(data).decode()}


def test_lines_of_the_hub_are_passed_on_up_to_the_end(streams):
    targets = streams(False)
    end = {"end": True, "error": "it was ended", "exit_code": 3}
    found = passed_on([line(b"a"), line(b"b", "err"), end, line(b"c")], Writer(targets=targets))
    assert (found.error, found.exit_code) == ("it was ended", 3)
    assert (targets["out"].said, targets["err"].said) == (b"a", b"b")


def test_an_answer_without_an_end_is_told(streams):
    found = passed_on([line(b"a")], Writer(targets=streams(False)))
    assert "ended the answer before it was whole" in found.error


@pytest.mark.parametrize(
    "plain", [{"stream": "in"}, {"stream": "out", "data": "!"}, [], {"end": 1}]
)
def test_nonsense_is_told(streams, plain):
    with pytest.raises(UnexpectedAnswerError):
        passed_on([plain], Writer(targets=streams(False)))
