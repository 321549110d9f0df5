"""Writes the reference documents from the code, or (--check) says which are out of step.

usage: python docs/generate.py [--check]
"""

from __future__ import annotations

import json
import pathlib
import sys

from skerry_hub import api, views
from skerry_wire import asyncapi

FOLDER = pathlib.Path(__file__).resolve().parent / "reference"

VIEWS = {
    "hubPresence": views.HubPresence,
    "nodeView": views.NodeView,
    "nodeViewEvent": views.EventView,
    "workloadView": views.WorkloadView,
}


def documents() -> dict[str, str]:
    """Return each document's text by its file name."""
    found = {
        "asyncapi.json": asyncapi.document(VIEWS),
        "openapi.json": api.openapi_document(),
    }
    return {name: json.dumps(content, indent=2) + "\n" for name, content in found.items()}


def main(arguments: list[str]) -> int:
    """Write or compare; the exit status is 1 when something is out of step."""
    check = arguments == ["--check"]
    stale = []
    for name, text in documents().items():
        path = FOLDER / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text)
            print(f"wrote {path}")
    if stale and check:
        print(f"out of step: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
