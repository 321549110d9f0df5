"""The codec: round trips, golden bytes, and everything that must be refused."""

import dataclasses
import enum
import gc
import math
import pathlib
import time
import tracemalloc
import types
import typing
from collections.abc import Mapping

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.samples import MESSAGES, ORDER

from skerry_wire import capability, codec, messages, schema
from skerry_wire.errors import WireError

GOLDEN = pathlib.Path(__file__).parent / "golden"
KINDS = [type(message) for message in MESSAGES.values()]


def values(hint):
    """Strategy for any value that a field may have."""
    inner = schema.optional_of(hint)
    if inner is not None:
        return st.none() | values(inner)
    plain, origin = schema.bare(hint), typing.get_origin(schema.bare(hint))
    items = min(schema.limit(hint, schema.Items, schema.DEFAULT_ITEMS).most, 3)
    if origin is typing.Literal:
        return st.sampled_from(typing.get_args(plain))
    if origin is tuple:
        return st.lists(values(typing.get_args(plain)[0]), max_size=items).map(tuple)
    if origin is Mapping:
        return st.dictionaries(
            st.text(max_size=8), values(typing.get_args(plain)[1]), max_size=items
        )
    if isinstance(plain, type) and issubclass(plain, enum.StrEnum):
        return st.sampled_from(list(plain))
    if plain is bool:
        return st.booleans()
    if plain is int:
        limits = schema.limit(hint, schema.Range, schema.INT_RANGE)
        return st.integers(int(limits.low), int(limits.high))
    if plain is float:
        limits = schema.limit(hint, schema.Range, schema.Range(-1e300, 1e300))
        return st.floats(limits.low, limits.high, allow_nan=False)
    if plain is str:
        limits = schema.limit(hint, schema.Text, schema.DEFAULT_TEXT)
        if limits.pattern:
            return st.from_regex(limits.pattern, fullmatch=True).filter(
                lambda t: len(t) <= limits.most
            )
        return st.text(max_size=min(limits.most, 20))
    if plain is bytes:
        return st.binary(min_size=0, max_size=items)
    return st.builds(plain, **{f.name: values(f.type) for f in schema.fields_of(plain)})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_whatever_is_encoded_is_decoded_the_same(kind):
    @settings(max_examples=30, deadline=None)
    @given(values(kind))
    def check(message):
        assert codec.decode(kind, codec.pack(message), strict=True) == message

    check()


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_bytes(name):
    path = GOLDEN / f"{name}.hex"
    golden = bytes.fromhex(path.read_text())
    assert codec.encode(MESSAGES[name]) == golden, "a released message changed its bytes"
    assert codec.decode(type(MESSAGES[name]), golden) == MESSAGES[name]


def test_equal_content_in_another_order_gives_equal_bytes():
    one = messages.Request(id="r", verb="probe", arguments={"a": "1", "b": "2"})
    two = messages.Request(id="r", verb="probe", arguments={"b": "2", "a": "1"})
    assert codec.encode(one) == codec.encode(two)


def plain(name):
    return codec.to_plain(MESSAGES[name])


def test_a_sparse_field_takes_no_bytes_while_it_says_nothing():
    function = MESSAGES["capability"].hardware.pci[0]
    assert "virtual_function" not in codec.to_plain(function)
    assert codec.to_plain(function, nulls=True)["virtual_function"] is False
    split = dataclasses.replace(function, virtual_function=True)
    assert codec.to_plain(split)["virtual_function"] is True


WRONG = [
    ("heartbeat", "b", -1, "b", "0 to"),
    ("heartbeat", "b", True, "b", "whole number"),
    ("heartbeat", "b", 2**60, "b", "0 to"),
    ("heartbeat", "inc", "XYZ", "inc", "does not match"),
    ("heartbeat", "cpu", float("nan"), "cpu", "must be"),
    pytest.param("heartbeat", "cpu", 10**400, "cpu", "too large", id="huge"),
    ("heartbeat", "cpu", "5", "cpu", "number"),
    ("heartbeat", "rtt", {"hub": "slow"}, "rtt.hub", "number"),
    ("presence", "online", 1, "online", "true or false"),
    ("presence", "version", "v" * 200, "version", "at most 128"),
    ("capability", "hardware", [], "hardware", "a map"),
    ("capability", "hardware", {"usb": [{"path": 1}]}, "hardware.usb[0].path", "text"),
    ("capability", "hardware", {"pci": [[]]}, "hardware.pci[0]", "a map"),
    ("capability", "hardware", {"labels": {"a": None}}, "hardware.labels.a", "text"),
    ("report", "instances", {"0": 1}, "instances", "a list"),
    ("report", "instances", [{}] * 513, "instances", "at most 512"),
    ("request", "verb", "rm -rf", "verb", "does not match"),
    ("reply", "body", "text", "body", "bytes"),
    ("reply", "body", b"x" * 196609, "body", "at most"),
    ("targets", "targets", [{}] * 17, "targets", "at most 16"),
    ("targets", "targets", [{"name": "x", "host": "h", "port": 0}], "targets[0].port", "1 to"),
    ("capability_address", "round_trip_address", "h" * 261, "round_trip_address", "at most 260"),
    ("envelope", "type", "other", "type", "one of"),
]


@pytest.mark.parametrize(("name", "key", "value", "field", "reason"), WRONG)
def test_a_wrong_value_is_refused_by_field_and_reason(name, key, value, field, reason):
    bad = {**plain(name), key: value}
    with pytest.raises(WireError) as error:
        codec.from_plain(type(MESSAGES[name]), bad)
    assert error.value.field == field
    assert reason in error.value.reason


@pytest.mark.parametrize("name", MESSAGES)
def test_a_missing_field_is_named(name):
    kind = type(MESSAGES[name])
    for field in schema.fields_of(kind):
        if field.required:
            bad = {k: v for k, v in plain(name).items() if k != field.key}
            with pytest.raises(WireError, match="is missing") as error:
                codec.from_plain(kind, bad)
            assert error.value.field == field.key


def test_an_unknown_field_is_ignored_but_refused_in_an_order():
    known = MESSAGES["heartbeat"]
    newer = {**plain("heartbeat"), "new": {"deep": [1]}}
    assert codec.from_plain(messages.Heartbeat, newer) == known
    order = codec.to_plain(ORDER)
    order["instances"][0]["containers"][0]["sudo"] = True
    with pytest.raises(WireError, match="not a field") as error:
        codec.from_plain(messages.Order, order, strict=True)
    assert error.value.field == "instances[0].containers[0].sudo"


def test_an_unknown_state_is_tolerated():
    report = plain("report")
    report["instances"][0]["state"] = "hibernating"
    read = codec.from_plain(messages.Report, report)
    assert read.instances[0].state is messages.InstanceState.UNKNOWN


def test_depth_over_32_is_refused_even_in_an_unknown_field():
    deep = 0
    for _ in range(schema.MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(WireError, match="deeper than 32"):
        codec.from_plain(messages.Heartbeat, {**plain("heartbeat"), "new": deep})
    assert codec.from_plain(messages.Heartbeat, {**plain("heartbeat"), "new": deep[0]})


def nested(unit: bytes, end: bytes, count: int) -> bytes:
    return unit * count + end


def lists_of(item: bytes, most: int = codec.MAX_MESSAGE_BYTES) -> bytes:
    """Return lists of 4,000 items, as many as fit: past the limit of one list's length."""
    inner = b"\xdc" + (4000).to_bytes(2, "big") + item * 4000
    count = (most - 3) // len(inner)
    return b"\xdc" + count.to_bytes(2, "big") + inner * count


MOST = codec.MAX_MESSAGE_BYTES
BOMBS = {
    "nested lists": b"\x91" * MOST,
    "nested maps": nested(b"\x81\xa0", b"\x80", MOST // 2 - 1),
    "a list that claims four thousand million": b"\xdd\xff\xff\xff\xff",
    "nested lists that each claim 4,095 items": b"\xdc\x0f\xff" * (MOST // 3),
    "empty maps": lists_of(b"\x80"),
    "maps of one": lists_of(b"\x81\xa0\x80"),
    "towers of maps": lists_of(b"\x81\xa0" * 30 + b"\x80"),
    "unknown field of maps": b"\x81\xa1z" + lists_of(b"\x81\xa0\x80", MOST - 3),
    "too large": b"\xc0" * (MOST + 1),
    "extension": b"\xc7\x01\x05\x00",
    "timestamp": b"\xd6\xff\x00\x00\x00\x00",
    "invalid text": b"\xa2\xff\xff",
    "number as key": b"\x81\x01\x01",
    "trailing bytes": b"\x80\x80",
    "nothing": b"",
}


@pytest.fixture
def small_heap():
    """Keep the collector from walking all that other tests left in this process."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("kind", [messages.Heartbeat, capability.Capability])
def test_a_bomb_is_refused_cheaply(kind, name, small_heap):
    started = time.process_time()
    with pytest.raises(WireError):
        codec.decode(kind, BOMBS[name])
    spent = time.process_time() - started
    # The promise is 100 ms; a machine that is five times slower than usual still passes.
    assert spent < 0.5
    tracemalloc.start()
    with pytest.raises(WireError):
        codec.decode(kind, BOMBS[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


def attempt(kind, data):
    try:
        return codec.decode(kind, data)
    except WireError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_random_bytes_raise_nothing_but_wire_error(data, kind):
    assert isinstance(attempt(kind, data), kind | WireError)


plain_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(MESSAGES)))
def test_a_field_of_any_type_raises_nothing_but_wire_error(data, name):
    kind = type(MESSAGES[name])
    key = data.draw(st.sampled_from([f.key for f in schema.fields_of(kind)]))
    bad = msgpack.packb({**plain(name), key: data.draw(plain_data)})
    assert isinstance(attempt(kind, bad), kind | WireError)


def test_every_truncation_of_every_message_is_refused():
    for message in MESSAGES.values():
        data = codec.encode(message)
        for cut in range(len(data)):
            with pytest.raises(WireError):
                codec.decode(type(message), data[:cut])


def test_a_message_over_the_limit_is_not_sent():
    big = messages.Request(id="r", verb="probe", arguments={str(i): "x" * 1024 for i in range(300)})
    with pytest.raises(WireError, match="more than"):
        codec.encode(big)


def test_nulls_are_kept_on_request_only():
    presence = messages.Reply(incarnation="0" * 16, boot=1, seq=1, id="r")
    assert "error" not in codec.to_plain(presence)
    assert codec.to_plain(presence, nulls=True)["error"] is None


def test_a_type_that_no_message_may_have_is_refused_when_compiled():
    with pytest.raises(TypeError):
        schema.reader(types.SimpleNamespace, strict=False)
    with pytest.raises(TypeError):
        schema.reader(int | str, strict=False)
    with pytest.raises(TypeError, match="limits belong to the value"):
        schema.reader(typing.Annotated[int | None, schema.Range(0, 1)], strict=False)


@pytest.mark.parametrize(
    ("hint", "value", "reason"),
    [
        (typing.Annotated[int, schema.Range(1, 31_536_000)], 0, "must be 1 to 31536000, not 0"),
        (
            typing.Annotated[float, schema.Range(0.5, 1e12)],
            -1,
            "must be 0.5 to 1000000000000, not -1",
        ),
        (float, math.inf, "must be -inf to inf, not inf"),
        (typing.Literal["", "pack"], "best", 'must be one of "", pack'),
    ],
)
def test_limits_and_choices_are_told_as_people_write_them(hint, value, reason):
    with pytest.raises(WireError) as error:
        schema.reader(hint, True)(value)
    assert error.value.reason == reason
