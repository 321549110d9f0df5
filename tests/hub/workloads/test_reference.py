"""The reference document is the table, and the one in the repository is this one."""

import pathlib

from tests.hub.workloads.samples import parse_text, refusals

from skerry_hub.workloads.reference import TABLES, reference
from skerry_hub.workloads.x_placement_keys import X_PLACEMENT

DOCS = pathlib.Path(__file__).parents[3] / "docs"
DOCUMENT = DOCS / "reference" / "compose.md"


def test_every_key_is_in_the_document():
    text = reference()
    for path, keys in TABLES:
        assert f"## `{path}`" in text or not path
        for key in (*keys.supported, *keys.refused):
            assert f"| `{key}` |" in text


def test_the_document_is_in_step():
    assert DOCUMENT.read_text() == reference(), "run python docs/generate.py"


def test_every_example_of_x_placement_in_the_guide_is_taken():
    blocks = (DOCS / "compose.md").read_text().split("```yaml\n")[1:]
    found = [block.partition("```")[0] for block in blocks]
    placed = [block for block in found if block.startswith("x-placement:")]
    assert len(placed) >= 6
    for block in placed:
        assert refusals(block) == []


def test_every_key_of_x_placement_has_its_line_in_the_guide():
    text = (DOCS / "compose.md").read_text()
    table = text.partition("| Kubernetes | Nomad |")[2].partition("\n\n")[0]
    assert [key for key in X_PLACEMENT.supported if f"`{key}`" not in table] == []


def test_the_example_of_the_guide_is_a_workload():
    text = (DOCS / "compose.md").read_text().split("```yaml\n")[1].partition("```")[0]
    (found,) = parse_text(text, project="folder")
    assert (found.name, found.replicas) == ("shop-web", 3)
