"""The operators' reference of documents' keys, from the table that files are read by. Pure."""

from __future__ import annotations

from skerry_hub.document_keys import TABLES
from skerry_hub.workloads.reference import chapter

_HEAD = """\
# Keys of documents

Made from `hub/skerry_hub/document_keys.py` by `docs/generate.py`; do not edit. What the documents
are for is told in [policies.md](../policies.md).

The API's JSON has the same fields in its own spelling, with the unit in the name and numbers as
values: `cpu: 0.5` is `"cpu_milli": 500`; see the [OpenAPI document](openapi.json). Every other key
is refused by name and line, but for those that start with `x-`, which are ignored.
"""


def reference() -> str:
    """Return the document, in Markdown."""
    return "\n".join([_HEAD, *(chapter(path, keys) for path, keys in TABLES)])
