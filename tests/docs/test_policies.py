"""The documents that docs/policies.md shows are read as they stand there."""

import pathlib
import re

from skerry_hub import document_files, document_reference
from skerry_hub.document_keys import KEYS, TABLES, key_of_field
from skerry_hub.documents import KINDS, Egress, Quota, kind_of
from skerry_hub.workloads.compose import SourceFile
from skerry_wire import schema

TEXT = (pathlib.Path(__file__).parents[2] / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_examples_are_one_of_each_kind():
    found = document_files.parse(
        [SourceFile(name=f"block {number}", text=text) for number, text in enumerate(BLOCKS)]
    )
    assert [kind_of(one) for one in found] == list(KINDS)


def test_every_field_of_every_kind_has_a_key_and_every_key_is_a_field():
    tables = {
        **KEYS,
        Quota: dict(TABLES)["Policy: quota"],
        Egress: dict(TABLES)["Prices: egress[]"],
    }
    for record, keys in tables.items():
        fields = {key_of_field(field.key) for field in schema.fields_of(record)}
        assert fields == keys.supported.keys() - {"kind"}, record


def test_the_reference_tells_every_key():
    told = document_reference.reference()
    for title, keys in TABLES:
        chapter = told.partition(f"## `{title}`\n")[2].partition("\n## ")[0]
        for key in keys.supported:
            assert f"\n| `{key}` | " in chapter
