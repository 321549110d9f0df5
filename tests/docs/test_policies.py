"""The documents that docs/policies.md shows are read as they stand there."""

import pathlib
import re

from skerry_hub import document_files
from skerry_hub.documents import KINDS, kind_of
from skerry_hub.workloads.compose import SourceFile

TEXT = (pathlib.Path(__file__).parents[2] / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_examples_are_one_of_each_kind():
    found = document_files.parse(
        [SourceFile(name=f"block {number}", text=text) for number, text in enumerate(BLOCKS)]
    )
    assert [kind_of(one) for one in found] == list(KINDS)
