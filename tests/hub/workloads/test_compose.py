"""Whole files: golden workloads, names, limits, and that only ComposeError ever comes out."""

import json
import pathlib

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.hub.workloads.samples import file, parse_text, problems

from skerry_hub.model import Workload
from skerry_hub.workloads import compose, keys, reference
from skerry_hub.workloads.compose import ComposeError, SourceFile, parse
from skerry_hub.workloads.lifecycle_keys import LIFECYCLE_TABLES
from skerry_hub.workloads.limits import MAX_WORKLOAD_BYTES
from skerry_hub.workloads.problems import MAX_PROBLEMS
from skerry_hub.workloads.x_placement_keys import X_TABLES
from skerry_wire import codec
from skerry_wire.plain_data import for_json

GOLDEN = pathlib.Path(__file__).parent / "golden"
ONE = "services: {web: {image: x}}\n"


def survives(workload):
    data = codec.pack(workload)
    return codec.decode(Workload, data, strict=True, most=MAX_WORKLOAD_BYTES) == workload


def test_golden():
    parsed = parse([SourceFile("full.yaml", (GOLDEN / "full.yaml").read_text(), "folder")])
    found = [one.workload for one in parsed]
    told = json.loads(json.dumps(list(map(codec.to_plain, found)), default=for_json))
    assert told == json.loads((GOLDEN / "full.json").read_text())
    assert all(survives(one) for one in found)


def test_nothing_supported_is_missing_in_the_golden_file():
    text = (GOLDEN / "full.yaml").read_text()
    tables = (
        keys.SERVICE,
        keys.PLACEMENT,
        keys.RESERVED_DEVICE,
        *dict(X_TABLES).values(),
        *dict(LIFECYCLE_TABLES).values(),
    )
    known = {key for table in tables for key in table.supported} - {"all"}
    assert sorted(key for key in known if f"{key}:" not in text) == []


# --- names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "how", "name"),
    [
        (ONE, {"project": "shop"}, "shop-web"),
        ("name: own\n" + ONE, {"project": "shop"}, "own-web"),
        ("name: own\n" + ONE, {"project": "given", "project_given": True}, "given-web"),
        (ONE, {"project": "My Shop_2"}, "my-shop-2-web"),
        (ONE, {"project": "--x--"}, "x-web"),
        ("services: {0: {image: x}}", {"project": "1"}, "1-0"),
        ("name: " + "a" * 59 + "\n" + ONE, {}, "a" * 59 + "-web"),
    ],
)
def test_the_name_of_a_workload(text, how, name):
    (found,) = parse_text(text, **how)
    assert found.name == name
    assert found.containers[0].name == name.rpartition("-")[2]


@pytest.mark.parametrize(
    ("text", "how", "line", "field", "reason"),
    [
        ("name: My\n" + ONE, {}, 1, "name", "is not a name of a project"),
        ("name: ''\n" + ONE, {}, 1, "name", "is not a name of a project"),
        ("name:\n" + ONE, {}, 1, "name", "is empty"),
        (ONE, {"project": ""}, None, "name", "is missing: the file has no folder"),
        (ONE, {"project": "___"}, None, "name", "is missing: the file has no folder"),
        (ONE, {"project": "My", "project_given": True}, None, None, "is not a name of a project"),
        ("services: {we_b: {image: x}}", {}, 1, "services.we_b", "is not a name of a service"),
        ("services: {Web: {image: x}}", {}, 1, "services.Web", "is not a name of a service"),
        ("services: {'': {image: x}}", {}, 1, "services.", "is not a name of a service"),
        ("name: " + "a" * 60 + "\n" + ONE, {}, 2, "services.web", "is 64 characters long"),
    ],
)  # fmt: skip
def test_what_is_no_name(text, how, line, field, reason):
    ((at, name, said),) = problems(text, **how)
    assert (at, name) == (line, field)
    assert reason in said


# --- files -------------------------------------------------------------------------------


def test_several_files_are_several_and_in_their_order():
    found = parse([SourceFile("b.yaml", ONE, "b"), SourceFile("a.yaml", ONE, "a")])
    assert [(one.workload.name, one.source.file) for one in found] == [
        ("b-web", "b.yaml"),
        ("a-web", "a.yaml"),
    ]
    assert parse([]) == ()


def test_one_workload_in_two_files_is_refused_at_the_second():
    first = SourceFile("one.yaml", "# first\n" + ONE, "shop")
    second = SourceFile("two.yaml", "services:\n  web: {image: y}\n", "shop")
    with pytest.raises(ComposeError) as error:
        parse([first, second])
    (problem,) = error.value.problems
    assert (problem.file, problem.line, problem.field) == ("two.yaml", 2, "services.web")
    assert problem.reason == "shop-web is already in one.yaml, line 2"


def test_what_is_wrong_later_is_told_where_it_stands():
    text = """\
services:
  web:
    image: x
    deploy:
      placement: {constraints: [node.labels.a == b]}
      x-placement: {priority: 5, maxPer: {zone: 2}}
    x-placement:
      constraints:
        - all: [node.labels.c exists, node.labels.d exists]
        - node.labels.c  exists
      antiAffinity: [{workload: web}]
"""
    (found,) = parse([SourceFile("f.yaml", text, "shop")])
    source = found.source
    assert (source.file, source.line, source.field) == ("f.yaml", 2, "services.web")
    web = "services.web."
    assert source.parts == {
        "containers[0].image": (f"{web}image", 3),
        "placement.priority": (f"{web}deploy.x-placement.priority", 6),
        "constraints[0]": (f"{web}deploy.placement.constraints[0]", 5),
        "expressions[0]": (f"{web}x-placement.constraints[0]", 9),
        "expressions[1]": (f"{web}x-placement.constraints[0]", 9),
        "placement.at_most[0]": (f"{web}deploy.x-placement.maxPer.zone", 6),
        "placement.affinity[0]": (f"{web}x-placement.antiAffinity[0]", 11),
    }


def test_names_that_only_look_different_are_refused_too():
    with pytest.raises(ComposeError, match="a-b-c is already in one"):
        parse(
            [
                SourceFile("one", "name: a-b\nservices: {c: {image: x}}"),
                SourceFile("two", "name: a\nservices: {b-c: {image: x}}"),
            ]
        )


def test_all_problems_of_all_files_are_told():
    with pytest.raises(ComposeError) as error:
        parse(
            [
                SourceFile("a.yaml", "services:\n  web: {image: X, tty: true}", "shop"),
                SourceFile("b.yaml", "a: [", "shop"),
                SourceFile("c.yaml", ONE, "other"),
                SourceFile("d.yaml", "", "shop"),
            ]
        )
    assert [(one.file, one.line, one.field) for one in error.value.problems] == [
        ("a.yaml", 2, "services.web.tty"),
        ("a.yaml", 2, "services.web.image"),
        ("b.yaml", 1, None),
        ("d.yaml", None, None),
    ]
    assert "a.yaml:2: services.web.tty: is not supported" in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "field", "reason"),
    [
        ("", None, None, "is empty"),
        ("text", 1, None, "must be a mapping of keys, not 'text'"),
        ("- a", 1, None, "must be a mapping of keys, not a list"),
        ("\nname: shop", 2, "services", "is missing"),
        ("services:", 1, "services", "is empty"),
        ("services: {}", 1, "services", "must be 1 to 100 services"),
        ("services: []", 1, "services", "must be a mapping of keys, not a list"),
        ("services:\n  web:", 2, "services.web", "must be a mapping of keys, not nothing"),
        ("servces: {}\nservices: {a: {image: x}}", 1, "servces", "did you mean services?"),
        ("version: [1]\n" + ONE, 1, "version", "must be a text"),
    ],
)
def test_what_is_no_file(text, line, field, reason):
    found = problems(text)
    assert (line, field) in [(at, name) for at, name, _ in found]
    assert reason in found[0][2]


def test_what_stands_at_the_anchor_is_told_at_the_anchor():
    text = "x-env: &env\n  A: $B\nservices:\n  web:\n    image: x\n    environment: *env\n"
    ((line, field, _),) = problems(text)
    assert (line, field) == (2, "services.web.environment.A")


# --- limits ------------------------------------------------------------------------------


def test_too_many_services():
    most = compose.MAX_SERVICES
    text = "services:\n" + "".join(f"  s{i}: {{image: x}}\n" for i in range(most))
    assert len(parse_text(text)) == most
    assert problems(text + "  more: {image: x}\n")[0][2] == f"must be 1 to {most} services"


def test_too_many_files_and_too_much_text():
    with pytest.raises(ComposeError, match="more than 100"):
        parse([SourceFile(f"{i}", ONE, f"p{i}") for i in range(101)])
    with pytest.raises(ComposeError, match="characters together"):
        parse([SourceFile(f"{i}", " " * 200_000, "p") for i in range(6)])


def test_too_many_problems_are_not_all_told():
    text = "services:\n  web:\n    image: x\n" + "".join(f"    nope{i}: 1\n" for i in range(5000))
    found = problems(text)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[0] == (4, "services.web.nope0", "is not a key of a service")
    assert found[-1][2].startswith(f"has more than {MAX_PROBLEMS} problems")
    with pytest.raises(ComposeError) as error:
        parse([SourceFile(f"{i}", text, "shop") for i in range(5)])
    assert len(error.value.problems) == MAX_PROBLEMS + 1


@pytest.mark.parametrize(
    "part",
    [
        "mem_limit: " + "9" * 100_000,
        "cpus: " + "9" * 100_000,
        "cpus: 1e999999999",
        "scale: " + "9" * 100_000,
        "stop_grace_period: " + "9" * 100_000 + "s",
        'ports: ["' + "9" * 100_000 + ':1"]',
        'ports: ["1-65535:1-65535"]',
        "volumes: [" + ",".join(f"/a{i}:/a" for i in range(5000)) + "]",
        "devices: [" + "/dev/a," * 5000 + "]",
        "cap_add: [" + "A," * 15_000 + "]",
    ],
)
def test_huge_values_are_problems_like_others(part):
    ((line, _, _), *_) = problems(file(part))
    assert line in (2, 4)


# --- whatever comes ------------------------------------------------------------------------


def outcome(text):
    """Return the workloads and the problems of a text, one of them empty."""
    try:
        return parse_text(text), ()
    except ComposeError as error:
        return (), error.problems


def only_compose_errors(text):
    found, wrong = outcome(text)
    assert all(survives(one) for one in found)
    for problem in wrong:
        assert problem.reason
        assert problem.file == "shop.yaml"
        assert f"{problem.field} {problem.reason}".encode()


PIECES = st.sampled_from(
    [
        *"abx01 \n\t:-[]{}&*!|>'\"%@`#,?~$\\\x00\ud800é",
        *["  ", "\n  ", ": ", "- ", "<<: ", "&a ", "*a", "services:", "image: x", "---\n"],
        *["!!str ", "!!python/name:os ", "%YAML 1.2\n", '"\\U00110000"'],
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
@example("services: {web: {image: x}}")
@example("&a : *a")
@example("? &a [b]\n: *a")
def test_no_text_raises_anything_else(text):
    only_compose_errors(text)


WORDS = st.sampled_from(
    [
        *["", "x", "80:80", "1", "0.5", "true", "no", "10s", "512M", "/a", "/a:/b", "A=b", "$A"],
        *["gpu", "global", "host", "on-failure:3", "node.id == x", "all", "CMD", "data:/d", "$$"],
    ]
)
ANY_KEY = st.sampled_from(
    [
        *sorted(
            {key for _, table in reference.TABLES for key in (*table.supported, *table.refused)}
        ),
        *["x-y", "nope", "data", "A"],
    ]
)
ANY = st.recursive(
    WORDS | st.integers() | st.booleans() | st.none() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEY, inner, max_size=4),
    max_leaves=8,
)
SERVICES = st.dictionaries(st.sampled_from(sorted(keys.SERVICE.supported)), ANY, max_size=6)


@settings(max_examples=150, deadline=None)
@given(SERVICES, ANY)
def test_no_tree_raises_anything_else(service, volumes):
    tree = {"services": {"web": {"image": "x", **service}}, "volumes": volumes}
    only_compose_errors(yaml.safe_dump(tree, allow_unicode=True))


# Values that are right, so that what is drawn mostly is a workload.
IMAGES = st.sampled_from(["x", "localhost/a/b:1"])
RIGHT = {
    "command": st.lists(st.text(max_size=5), min_size=1, max_size=3),
    "environment": st.dictionaries(
        st.from_regex("[A-Z_]{1,8}", fullmatch=True), st.text(max_size=9), max_size=4
    ),
    "labels": st.dictionaries(st.from_regex("[a-z.]{1,8}", fullmatch=True), st.text(max_size=9)),
    "user": st.from_regex("[a-z0-9_.-]{1,9}(:[a-z0-9]{1,9})?", fullmatch=True),
    "restart": st.sampled_from(["no", "always", "on-failure:7", "unless-stopped"]),
    "stop_grace_period": st.integers(0, 86400).map("{}s".format),
    "scale": st.integers(0, 100_000),
    "cpus": st.integers(1, 10_000_000).map(lambda milli: f"{milli / 1000:.3f}"),
    "mem_limit": st.integers(1, 2**63 - 1),
    "ports": st.lists(st.integers(1, 65535), max_size=5, unique=True).map(
        lambda found: [f"{port}:{port}" for port in found]
    ),
    "gpus": st.integers(1, 128),
    "read_only": st.booleans(),
}


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({"image": IMAGES}, optional=RIGHT))
def test_a_workload_survives_the_store(service):
    # Escaped, since the dumper writes some line breaks so that they are read as spaces.
    text = yaml.safe_dump({"services": {"web": service}}).replace("$", "$$")
    found, wrong = outcome(text)
    # Texts are drawn freely: only what no text may have is refused.
    assert all("NUL" in one.reason or "YAML" in one.reason for one in wrong)
    assume(not wrong)
    (found,) = found
    assert survives(found)
    if "environment" in service:
        assert found.containers[0].environment == service["environment"]
    if "command" in service:
        assert found.containers[0].command == tuple(service["command"])
