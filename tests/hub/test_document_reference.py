"""The reference of documents' keys."""

from skerry_hub import document_reference
from skerry_hub.document_keys import TABLES


def test_the_reference_tells_every_key():
    told = document_reference.reference()
    for title, keys in TABLES:
        chapter = told.partition(f"## `{title}`\n")[2].partition("\n## ")[0]
        for key in (*keys.supported, *keys.refused):
            assert f"\n| `{key}` | " in chapter
