"""The table of keys is that of the records' fields."""

import pytest

from skerry_hub.document_keys import KEYS, TABLES, key_of_field
from skerry_hub.documents import KINDS, Egress, Quota
from skerry_wire import schema

PARTS = {Quota: "Policy: quota", Egress: "Prices: egress[]"}
RECORDS = [*KEYS.items(), *((record, dict(TABLES)[title]) for record, title in PARTS.items())]


def test_every_kind_has_its_keys():
    assert list(KEYS) == list(KINDS.values())
    assert [title for title, _ in TABLES if ":" not in title] == list(KINDS)


@pytest.mark.parametrize(("record", "keys"), RECORDS)
def test_every_field_has_a_key_and_every_key_is_a_field(record, keys):
    fields = {key_of_field(field.key) for field in schema.fields_of(record)}
    assert fields == keys.supported.keys() - {"kind"}


@pytest.mark.parametrize(("record", "keys"), RECORDS)
def test_what_must_be_given_is_said(record, keys):
    required = {key_of_field(field.key) for field in schema.fields_of(record) if field.required}
    told = {key for key, text in keys.supported.items() if text.startswith("Required.")}
    assert required <= told
    # What only the whole of a document asks for has a default in its record.
    assert told - required <= {"kind", "places", "selector"}


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("cpu_milli", "cpu"),
        ("size_bytes", "size"),
        ("duration_s", "duration"),
        ("storage_gib_hour", "storageGibHour"),
        ("carbon_g_per_kwh", "carbonGPerKwh"),
        ("places", "places"),
    ],
)
def test_a_key_is_its_field_in_camel_case_without_its_unit(field, key):
    assert key_of_field(field) == key
