"""Depth, and bytes where there are none."""

import json

import pytest

from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.lifecycle import File
from skerry_wire.plain_data import depth_over, for_json, from_base64


def test_depth_counts_maps_and_lists():
    assert not depth_over({"a": [{"b": 1}]}, 3)
    assert depth_over({"a": [{"b": [1]}]}, 3)


def test_bytes_go_through_json():
    file = File(path="/a", content=b"\x00\xff")
    text = json.dumps(codec.to_plain(file), default=for_json)
    assert codec.from_plain(File, json.loads(text)) == file
    assert from_base64("AP8=") == b"\x00\xff"


@pytest.mark.parametrize("text", ["AP8", "A P8=", "ä", "AP8=\n"])
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(WireError, match=r"content: .*base64"):
        codec.from_plain(File, {"path": "/a", "content": text})


def test_nothing_else_is_made_up_for_json():
    with pytest.raises(TypeError, match="set"):
        for_json(set())
