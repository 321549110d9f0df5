"""The border of documents: what is taken, what is refused by field, and nothing else happens."""

import copy
import dataclasses
import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.documents import EVERY, POLICY, PRICES, RESERVATION

from skerry_hub import document_checks
from skerry_hub.document_checks import DocumentError, document_of
from skerry_hub.document_files import DocumentFileError, parse
from skerry_hub.documents import KINDS, Endpoint, Policy, Prices, Window, kind_of
from skerry_hub.workloads.compose import SourceFile
from skerry_wire import codec

GOLDEN = (pathlib.Path(__file__).parent / "documents.yaml").read_text()


def faults(kind, plain):
    with pytest.raises(DocumentError) as raised:
        document_of(kind, plain)
    return {fault.field: fault.reason for fault in raised.value.faults}


@pytest.mark.parametrize("document", EVERY, ids=kind_of)
def test_a_document_comes_back_as_it_was(document):
    for nulls in (True, False):
        plain = json.loads(json.dumps(codec.to_plain(document, nulls=nulls)))
        assert document_of(type(document), plain) == document


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_name_and_what_else_is_required_must_be_given(kind):
    missing = {field for field, reason in faults(kind, {}).items() if reason == "is missing"}
    required = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is field.default_factory is dataclasses.MISSING
    }
    assert missing == required
    assert "name" in missing


def test_everything_is_told_at_once():
    plain = {
        "selector": "=",
        "required": ["x", "node.id == a", "node.id == a"],
        "residency": {"zone": [], "Bad Key": ["x"]},
        "quota": {"devices": {"GPU": 1}},
        "max_priority": "high",
        "colour": 1,
    }
    assert set(faults(Policy, plain)) == {
        "name", "selector", "required[0]", "required[2]", "residency.zone", "residency.Bad Key",
        "quota.devices.GPU", "max_priority", "colour",
    }  # fmt: skip


@pytest.mark.parametrize("plain", [None, [], "x", 5, {5: 1}, {None: 1}, {("a",): {}}])
def test_what_is_no_mapping_of_fields_is_refused(plain):
    assert faults(Policy, plain)


@pytest.mark.parametrize(
    ("kind", "field", "given"),
    [
        (Policy, "quota.devices", lambda one: {"quota": {"devices": {one: 1}}}),
        (Prices, "device_hour", lambda one: {"device_hour": {one: 1.5}}),
    ],
)
def test_a_kind_of_device_is_one_that_there_is(kind, field, given):
    for misspelt in ("gpuu", "GPU", "accelerator", ""):
        found = faults(kind, {"name": "x", **given(misspelt)})
        assert found[f"{field}.{misspelt}"].startswith("is not a kind of device: gpu, ")
    assert document_of(kind, {"name": "x", **given("gpu")}).name == "x"


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("erp", True),
        ("erp.example", True),
        ("erp.example.", True),
        ("_srv.example", True),
        ("10.0.0.1", True),
        ("2001:db8::1", True),
        ("xn--bcher-kva.example", True),
        ("", False),
        (".", False),
        ("erp..example", False),
        ("-erp", False),
        ("erp:443", False),
        ("[2001:db8::1]", False),
        ("10.0.0.256", False),
        ("10.1", False),
        ("http://erp", False),
        ("erp/x", False),
        ("user@erp", False),
        ("bücher.example", False),
        ("a" * 64, False),
        ("erp\n", False),
        ("fe80::1%eth0;x", False),
    ],
)
def test_a_host_is_a_name_or_an_address(host, is_one):
    plain = {"name": "x", "host": host, "port": 1}
    if is_one:
        assert document_of(Endpoint, plain).host == host
    else:
        assert set(faults(Endpoint, plain)) == {"host"}


@pytest.mark.parametrize(
    ("repeats", "duration_s", "fits"),
    [
        ("", 31_536_000, True),
        ("daily", 86_399, True),
        ("daily", 86_400, False),
        ("weekly", 604_799, True),
        ("weekly", 604_800, False),
    ],
)
def test_a_window_ends_before_it_begins_again(repeats, duration_s, fits):
    plain = {"name": "x", "start": 1.0, "duration_s": duration_s, "repeats": repeats}
    if fits:
        assert document_of(Window, plain).duration_s == duration_s
    else:
        assert set(faults(Window, plain)) == {"duration_s"}


def test_what_does_not_fit_together_is_told_once_every_field_is_right():
    plain = codec.to_plain(RESERVATION)
    wrong = {**plain, "selector": " ", "cpu_milli": 0, "memory_bytes": 0, "storage_bytes": 0}
    wrong["end"] = wrong["start"]
    assert set(faults(type(RESERVATION), wrong)) == {"selector", "", "end"}
    assert set(faults(type(RESERVATION), {**wrong, "nodes": ["?"]})) == {"nodes[0]"}


def test_every_kind_is_checked():
    assert document_checks._FIELDS.keys() == document_checks._WHOLE.keys() == set(KINDS.values())


# --- whatever is sent ---------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["node.id == a", "a=b", "site", "1e999", "eu-west"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(content, here=()):
    yield here
    inner = content.items() if isinstance(content, dict) else ()
    inner = enumerate(content) if isinstance(content, list) else inner
    for key, part in inner:
        yield from places(part, (*here, key))


WAYS = [(one, way) for one in EVERY for way in places(codec.to_plain(one, nulls=True)) if way]


def looked_at(kind, plain):
    """Return the document, or what is wrong with it."""
    try:
        return document_of(kind, plain), ()
    except DocumentError as error:
        return None, error.faults


@given(st.sampled_from(WAYS), values)
def test_any_value_anywhere_is_taken_or_refused_in_words(where, value):
    document, way = where
    plain = copy.deepcopy(codec.to_plain(document, nulls=True))
    place = plain
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    found, wrong = looked_at(type(document), plain)
    assert (found is None) is bool(wrong)
    assert all(fault.reason for fault in wrong)
    if found is not None:
        assert document_of(type(document), codec.to_plain(found, nulls=True)) == found


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(GOLDEN)),
            st.integers(0, 12),
            st.sampled_from(
                ["", "---\n", "x", ": ", "[", "{", "&a ", "*a", "<<: ", "\t", "'", "-1"]
            )
            | st.text(max_size=4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_file_with_whatever_slips_is_read_or_refused_in_words(slips):
    text = GOLDEN
    for at, removed, put in slips:
        text = text[:at] + put + text[at + removed :]
    problems = ()
    try:
        parse([SourceFile(name="f.yaml", text=text)])
    except DocumentFileError as error:
        problems = error.problems
    lines = 1 + sum(map(text.count, "\n\r\x85\u2028\u2029"))
    assert all(problem.reason and 1 <= problem.line <= lines for problem in problems)


def test_policies_and_prices_have_their_limits_at_every_field():
    wrong = codec.to_plain(POLICY) | {"required": ["node.id == a"] * 65}
    assert "at most 64" in faults(Policy, wrong)["required"]
    wrong = codec.to_plain(PRICES) | {"kwh": float("nan")}
    assert "kwh" in faults(type(PRICES), wrong)
