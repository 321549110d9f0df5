"""What is wrong with a workload is told where people wrote it."""

import pytest

from skerry_hub.views import Problem
from skerry_hub.workloads.source import NOWHERE, Source

FILE = Source(file="f.yaml", line=2, field="services.web", parts={"a[0]": ("services.web.b", 5)})


@pytest.mark.parametrize(
    ("source", "part", "file", "line", "field"),
    [
        (FILE, "a[0]", "f.yaml", 5, "services.web.b"),
        (FILE, "a[1]", "f.yaml", 2, "services.web"),
        (FILE, "", "f.yaml", 2, "services.web"),
        (Source(field="workloads[3]"), "a[0]", None, None, "workloads[3].a[0]"),
        (Source(field="workloads[3]"), "", None, None, "workloads[3]"),
        (NOWHERE, "a[0]", None, None, "a[0]"),
        (NOWHERE, "", None, None, None),
    ],
)
def test_the_nearest_place_that_is_known(source, part, file, line, field):
    expected = Problem(reason="is wrong", file=file, line=line, field=field)
    assert source.problem("is wrong", part) == expected
