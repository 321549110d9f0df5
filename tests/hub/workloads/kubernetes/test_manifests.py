"""Manifests into workloads: all that is supported, and what is wrong by line and field."""

import json
import pathlib

import pytest
from tests.hub.workloads.kubernetes.samples import POD, parse_text, pod, problems, refusals

from skerry_hub.workloads import reference
from skerry_hub.workloads.compose import SourceFile
from skerry_hub.workloads.kubernetes import keys, pod_keys
from skerry_hub.workloads.kubernetes.manifests import holds_manifests, parse
from skerry_wire import codec

GOLDEN = pathlib.Path(__file__).parent


def as_json(workload):
    return json.loads(json.dumps(codec.to_plain(workload), default=lambda data: data.hex()))


def test_golden():
    text = (GOLDEN / "golden.yaml").read_text()
    found = [as_json(one.workload) for one in parse([SourceFile("golden.yaml", text, "shop")])]
    assert found == json.loads((GOLDEN / "golden.json").read_text())


def test_nothing_supported_is_missing_in_the_golden_file():
    text = (GOLDEN / "golden.yaml").read_text()
    known = {key for _, table in keys.TABLES for key in table.supported}
    assert sorted(key for key in known if f"{key}:" not in text) == []


@pytest.mark.parametrize("table", [table for _, table in keys.TABLES], ids=lambda one: one.title)
def test_no_key_is_both_supported_and_refused(table):
    assert not set(table.supported) & set(table.refused)
    assert table in dict(keys.TABLES).values()
    assert all(meaning.endswith((".", "`")) for meaning in table.supported.values())


@pytest.mark.parametrize("key", sorted(pod_keys.POD_SPEC.refused))
def test_a_refused_key_of_a_pod_is_named_with_its_line(key):
    ((line, field, reason),) = refusals(f"{key}: x")
    assert (line, field) == (7, f"spec.{key}")
    assert reason.startswith("is not supported")
    assert pod_keys.POD_SPEC.refused[key] in reason


@pytest.mark.parametrize("key", sorted(pod_keys.CONTAINER.refused))
def test_a_refused_key_of_a_container(key):
    ((_, field, reason),) = refusals("", f"{key}: x")
    assert field == f"spec.containers[0].{key}"
    assert reason.startswith("is not supported")


@pytest.mark.parametrize("kind", sorted(keys.ELSEWHERE))
def test_another_kind_is_refused_with_what_to_do(kind):
    ((line, field, reason),) = problems(POD.replace("kind: Pod", f"kind: {kind}"))
    assert (line, field) == (2, "kind")
    assert keys.ELSEWHERE[kind] in reason


def test_lines_are_those_of_the_file():
    other = POD.replace("name: one", "name: other")
    text = f"{POD}---\n# a comment\n{other}  hostNetwrk: true\n"
    ((line, field, reason),) = problems(text)
    assert (line, field) == (15, "spec.hostNetwrk")
    assert reason.endswith("did you mean hostNetwork?")


@pytest.mark.parametrize(
    ("text", "how", "name"),
    [
        (POD, {}, "folder-one"),
        (POD, {"project": "given", "project_given": True}, "given-one"),
        (POD.replace("{name: one}", "{name: one, namespace: shop}"), {}, "shop-one"),
        (POD.replace("{name: one}", "{name: one, namespace: shop}"),
         {"project": "given", "project_given": True}, "given-one"),
    ],
)  # fmt: skip
def test_the_name_of_a_workload(text, how, name):
    (found,) = parse_text(text, **{"project": "folder", **how})
    assert found.name == name
    assert found.project == name.removesuffix("-one")


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (POD.replace("v1", "v2"), "apiVersion", "must be v1 for a Pod, not 'v2'"),
        (POD.replace("kind: Pod\n", ""), "kind", "is missing"),
        (POD.replace("{name: one}", "{name: One}"), "metadata", "is not a name"),
        (POD.replace("{name: one}", "{labels: {}}"), "metadata.name", "is missing"),
        (
            POD.replace("{name: one}", "{name: one, finalizers: x}"),
            "metadata.finalizers",
            "leave it out",
        ),
        (POD + "---\n" + POD, None, "asked for twice"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "spec", "is missing"),
        ("apiVersion: v1\nkind: [\n", None, "is not YAML"),
        ("- apiVersion: v1\n", None, "must be a mapping"),
    ],
)
def test_what_is_no_object(text, field, reason):
    ((_, at, said),) = problems(text)
    assert at == field
    assert reason in said


REFERRING = """\
apiVersion: v1
kind: Pod
metadata: {name: first}
spec: {containers: [{name: web, image: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  nodeSelector:
    site: quay-3
  x-placement:
    constraints:
    - node.hostname != quay
  volumes:
  - name: keys
    secret:
      secretName: tls
      items:
      - path: cert
        key: cert
      - path: key
        key: key
  initContainers:
  - name: before
    image: x
  containers:
  - name: web
    image: z
    env:
    - name: TOKEN
      valueFrom:
        secretKeyRef:
          name: api
          key: token
    volumeMounts:
    - name: keys
      mountPath: /keys
"""


@pytest.mark.parametrize(
    ("part", "line", "field"),
    [
        ("containers[1].files[0]", 21, "spec.volumes[0].secret.items[0].key"),
        ("containers[1].files[1]", 23, "spec.volumes[0].secret.items[1].key"),
        ("containers[1].secret_environment.TOKEN", 34,
         "spec.containers[0].env[0].valueFrom.secretKeyRef.name"),
        ("containers[0].image", 26, "spec.initContainers[0].image"),
        ("containers[1]", 28, "spec.containers[0]"),
        ("constraints[0]", 11, "spec.nodeSelector.site"),
        ("expressions[0]", 14, "spec.x-placement.constraints[0]"),
        ("anything", 6, ""),
    ],
)  # fmt: skip
def test_what_a_hub_finds_wrong_later_is_told_where_it_stands(part, line, field):
    _, found = parse([SourceFile("shop.yaml", REFERRING, "shop")])
    told = found.source.problem("why", part)
    assert (told.file, told.line, told.field or "") == ("shop.yaml", line, field)


def test_what_no_reader_sees_is_told_where_it_stands():
    two = REFERRING + "    - name: keys\n      mountPath: /keys\n"
    assert [(line, field) for line, field, _ in problems(two)] == [
        (40, "spec.containers[0].volumeMounts[1].mountPath"),
        (40, "spec.containers[0].volumeMounts[1].mountPath"),
    ]


def test_a_file_of_manifests_is_known_by_its_api_version():
    assert holds_manifests(POD)
    assert holds_manifests('{"apiVersion": "v1"}')
    assert not holds_manifests("services: {web: {image: x, environment: {apiVersion: v1}}}")
    assert not holds_manifests("kind: Policy\nname: a\n")


def test_a_thousand_objects_and_no_more():
    text = "---\n".join(POD.replace("{name: one}", f"{{name: p{n}}}") for n in range(1001))
    assert any("there may be 1000" in reason for _, _, reason in problems(text))


def test_the_reference_has_every_table():
    for path, table in keys.TABLES:
        assert reference.chapter(path, table) in reference.kubernetes_reference()


def test_nothing_else_comes_out_of_nonsense():
    for written in ("x", "[x]", "{a: b}", "null", "{name: {a: b}}"):
        for key in pod_keys.POD_SPEC.supported:
            problems(pod(f"{key}: {written}"))
        for key in pod_keys.CONTAINER.supported:
            problems(pod("", f"{key}: {written}"))
