"""What is wrong with a workload of a JSON file is told by the file's line."""

import json

import pytest

from skerry_cli.failures import RefusedError
from skerry_cli.json_places import JsonFile, Places, line_of
from skerry_cli.records import Problem

TEXT = """\
{"a": 1,
 "workloads": [
  {"name": "x",
   "labels": {
    "a.b": "c",
    "a": {"b": 1},
    "[1]": 2,
    "q\\"\\u00e9": 3
   },
   "list": [[1, 2],
    [3,
     4] , {}]
  },

  {}
 ]
}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 1),
        ("a", 1),
        ("workloads", 2),
        ("workloads[0]", 3),
        ("workloads[0].labels", 4),
        ("workloads[0].labels.a.b", 5),
        ("workloads[0].labels.a", 6),
        ("workloads[0].labels.[1]", 7),
        ('workloads[0].labels.q"é', 8),
        ("workloads[0].list[0][1]", 10),
        ("workloads[0].list[1]", 11),
        ("workloads[0].list[1][1]", 12),
        ("workloads[0].list[2].gone", 12),
        ("workloads[1]", 15),
        # As far as there is anything.
        ("workloads[1].image", 15),
        ("workloads[7]", 2),
        ("workloads.name", 2),
        ("a.b.c", 1),
        ("gone", 1),
    ],
)
def test_lines(path, line):
    json.loads(TEXT)
    assert line_of(TEXT, path) == line


def test_blanks_of_all_sorts_and_no_line_at_all():
    assert line_of('\r\n\t [\n{"a"\n:\n1}\n,\n2]', "[0].a") == 5
    assert line_of('[{"a":1,"b":[]},{}]', "[1]") == 1
    assert line_of("5", "a[0]") == 1


FILES = Places(
    [
        JsonFile("one.json", '{"name":\n"x"}', 0, 1, None),
        JsonFile("two.json", '[\n{},\n{"a": [\n1]}]', 1, 2, ""),
        JsonFile("three.json", '{"workloads":\n[\n{"a": 1}]}', 3, 1, "workloads"),
    ]
)


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("workloads[0].name", ("one.json", 2, "name")),
        ("workloads[0]", ("one.json", 1, None)),
        ("workloads[1]", ("two.json", 2, "[0]")),
        ("workloads[2].a[0].b", ("two.json", 4, "[1].a[0].b")),
        ("workloads[3].a", ("three.json", 3, "workloads[0].a")),
        ("workloads[4].a", (None, None, "workloads[4].a")),
        ("workloads", (None, None, "workloads")),
        ("files[0].name", (None, None, "files[0].name")),
        (None, (None, None, None)),
    ],
)
def test_the_file_among_several(field, told):
    found = FILES.of(Problem(reason="is wrong", field=field))
    assert (found.file, found.line, found.field) == told


def test_what_is_of_a_file_already_stays():
    problem = Problem(reason="is wrong", file="shop.yaml", line=7, field="workloads[0].name")
    assert FILES.of(problem) == problem


def test_what_the_hub_refuses():
    problems = [Problem(reason="is wrong", field="workloads[2].a"), Problem(reason="too much")]
    with pytest.raises(RefusedError) as caught, FILES.told():
        raise RefusedError(400, [str(one) for one in problems], problems)
    assert caught.value.lines == ("two.json:3: [1].a: is wrong", "skerry: too much")
    assert caught.value.status == 400
    with pytest.raises(RefusedError) as caught, FILES.told():
        raise RefusedError(503, ["the hub answered 503"])
    assert caught.value.lines == ("the hub answered 503",)


def test_the_deepest_nesting_that_json_takes_is_no_trap():
    text = "[" * 900 + "]" * 900
    json.loads(text)
    assert line_of("\n" + text, "[0]" * 900) == 2
