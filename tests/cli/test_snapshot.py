"""`skerry snapshot`: what is saved, whole or not at all."""

import gzip
import lzma
import stat

import pytest
from tests.cli.canned import Raw, problems

BODY = '{"snapshot": 1, "nodes": []}\n'
ASKED = "GET /api/v1/snapshot"
SENT = BODY.encode()
WHOLE = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + f"{len(SENT):x}\r\n".encode()
    + SENT
    + b"\r\n0\r\n\r\n"
)
CUT = WHOLE[:-5]


def test_a_snapshot_goes_to_standard_output(skerry, hub):
    hub.answers[ASKED] = Raw(WHOLE)
    assert skerry("snapshot").out == BODY


@pytest.mark.parametrize(
    ("name", "unpacked"),
    [("f.json", bytes), ("f.json.gz", gzip.decompress), ("f.json.xz", lzma.decompress)],
)
def test_a_snapshot_goes_to_a_file_for_its_owner_alone(skerry, hub, tmp_path, name, unpacked):
    hub.answers[ASKED] = Raw(WHOLE)
    path = tmp_path / name
    assert skerry("snapshot", "--out", str(path)).out == ""
    assert unpacked(path.read_bytes()) == SENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("sent", [CUT, b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + SENT])
def test_what_was_cut_off_leaves_no_file(skerry, hub, tmp_path, sent):
    hub.answers[ASKED] = Raw(sent)
    done = skerry("snapshot", "--out", str(tmp_path / "f.json"), code=1)
    assert "cut off" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_busy_hub_says_so(skerry, hub, tmp_path):
    hub.answers[ASKED] = problems(503, {"reason": "2 snapshots are being sent already"})
    done = skerry("snapshot", "--out", str(tmp_path / "f.json"), code=1)
    assert done.err == "skerry: 2 snapshots are being sent already\n"
    assert list(tmp_path.iterdir()) == []


def test_a_hub_that_stops_in_between_is_given_up(skerry, hub):
    hub.answers[ASKED] = Raw(CUT[:-3], hold_s=5)
    assert "within 0.3 s" in skerry("--request-timeout", "0.3s", "snapshot", code=1).err


def test_a_place_that_cannot_be_written_is_named(skerry, hub, tmp_path):
    out = str(tmp_path / "none" / "f")
    assert f"skerry: {out}: No such file" in skerry("snapshot", "--out", out, code=1).err
