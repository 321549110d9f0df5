"""Where fields stand: their own place, else that of what they are within."""

import pytest

from skerry_hub.workloads.places import nearest
from skerry_hub.workloads.problems import Problems
from skerry_hub.workloads.reading import Value
from skerry_hub.workloads.yaml_tree import Scalar


def at(line):
    return Value(Scalar(line=line, text="", plain=True), "", line, Problems(None))


PLACES = {"containers[0]": at(3), "containers[0].files[1]": at(5), "containers[0].image": at(4)}


@pytest.mark.parametrize(
    ("path", "line", "rest"),
    [
        ("containers[0].image", 4, ""),
        ("containers[0].files[1].path", 5, "path"),
        ("containers[0].files[2].path", 3, "files[2].path"),
        ("containers[1].files[1]", None, "containers[1].files[1]"),
        ("name", None, "name"),
        ("", None, ""),
    ],
)
def test_a_field_stands_where_it_or_what_it_is_within_stands(path, line, rest):
    place, below = nearest(PLACES, path)
    assert (None if place is None else place.line, below) == (line, rest)
