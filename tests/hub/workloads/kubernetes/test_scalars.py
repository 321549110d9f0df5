"""What a scalar without quotes is: as kubectl, which reads YAML 1.1, and an API server see it."""

import pytest
from tests.hub.workloads.kubernetes.samples import POD, container, parse_text, problems, refusals

from skerry_hub.workloads.kubernetes.scalars import boolean_of, is_number

# fmt: off
NUMBERS = [
    "0", "-1", "+5", "007", "08", "0x10", "0XfF", "0b101", "-0b1", "0o17", "1_000", "1.50",
    "1.", ".5", "1e3", "-1.5E-3", ".inf", "-.Inf", ".NAN", "99999999999999999999",
]
BOOLEANS = [
    "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "true", "True", "TRUE",
    "false", "off", "Off", "on", "ON",
]
TEXTS = [
    "1:30", "2024-01-02", "1.2.3", "1.2.3.4", "0x", "0xg", "0o8", "--", "+", ".", "e3",
    "_1", ".1_0", "+.nan", "yEs", "yep", "tRUE", "nope", "500m", "1Gi", "a,b", "v1", "10s",
    "-x",
]
# fmt: on


@pytest.mark.parametrize("text", [*NUMBERS, *BOOLEANS])
def test_a_number_or_boolean_is_no_text_unless_it_is_quoted(text):
    what = "number" if text in NUMBERS else "boolean"
    ((_, field, reason),) = refusals("", f"env: [{{name: A, value: {text}}}]")
    assert field == "spec.containers[0].env[0].value"
    assert reason == f"must be a text, and is a {what} without quotes: write it in quotes"
    for quoted in (f'"{text}"', f"'{text}'", f"!!str {text}"):
        assert container("", f"env: [{{name: A, value: {quoted}}}]").environment == {"A": text}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_a_text_without_quotes(text):
    assert container("", f"env:\n- name: A\n  value: {text}").environment == {"A": text}
    assert boolean_of(text) is None
    assert not is_number(text)


@pytest.mark.parametrize(
    ("own", "field"),
    [
        ("args: [-p, 80]", "args[1]"),
        ("command: [yes]", "command[0]"),
        ("env: [{name: 1, value: a}]", "env[0].name"),
        ("image: 1.0", "image"),
        ("envFrom: [{prefix: 1, configMapRef: {name: c}}]", "envFrom[0].prefix"),
        ("readinessProbe: {exec: {command: [check, 1]}}", "readinessProbe.exec.command[1]"),
    ],
)
def test_texts_of_a_container(own, field):
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n"
    one = POD.replace("- {name: web, image: x}", f"- {{name: web, {own}}}")
    if not own.startswith("image"):
        one = one.replace("{name: web, ", "{name: web, image: x, ")
    ((line, at, reason),) = problems(config + one)
    assert (line, at) == (10, f"spec.containers[0].{field}")
    assert reason.endswith("write it in quotes")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (POD.replace("{name: one}", "{name: 1}"), "metadata.name"),
        (POD.replace("{name: one}", "{name: one, labels: {a: on}}"), "metadata.labels.a"),
        (POD.replace("{name: one}", "{name: one, annotations: {a: 1}}"), "metadata.annotations.a"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 1}", "data.a"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nbinaryData: {a: 1234}",
         "binaryData.a"),
        (POD + "  nodeSelector: {rack: 3}\n", "spec.nodeSelector.rack"),
        (POD + "  tolerations: [{key: a, value: true}]\n", "spec.tolerations[0]"),
    ],
)  # fmt: skip
def test_texts_elsewhere(text, field):
    found = problems(text)
    assert [at for _, at, _ in found][:1] in ([field], [f"{field}.value"])
    assert found[0][2].endswith("write it in quotes")


@pytest.mark.parametrize("key", ["y", "Off", "0x10", "1.0", "007"])
def test_a_key_that_is_another_text_in_a_cluster(key):
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    for text in (
        f"{config}data:\n  a: b\n  ? KEY\n  : x",
        f"{config}binaryData:\n  a: AA==\n  KEY: AA==",
    ):
        ((line, at, reason),) = problems(text.replace("KEY", key))
        assert (line, at.partition(".")[2]) == (6, key)
        assert reason.endswith("write it in quotes")
        assert problems(text.replace("KEY", f"'{key}'")) == []
    labels = POD.replace("{name: one}", f"{{name: one, labels: {{{key}: x}}}}")
    assert [at for _, at, _ in problems(labels)] == [f"metadata.labels.{key}"]


def test_a_whole_number_is_the_same_text_as_a_key():
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {80: x, 0: y1}\n"
    assert problems(config) == []


@pytest.mark.parametrize(("text", "said"), [("yes", True), ("True", True), ("off", False)])
def test_booleans_are_those_of_yaml_1_1(text, said):
    (found,) = parse_text(POD + f"  hostNetwork: {text}\n")
    assert (found.containers[0].network == "host") is said


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ('hostNetwork: "true"', "hostNetwork", "must be true or false, and is a text"),
        ("hostNetwork: 1", "hostNetwork", "must be true or false, not '1'"),
        ('terminationGracePeriodSeconds: "3"', "terminationGracePeriodSeconds",
         "must be a whole number, and is a text: write it without quotes"),
        ("terminationGracePeriodSeconds: yes", "terminationGracePeriodSeconds", "not 'yes'"),
    ],
)  # fmt: skip
def test_a_text_is_no_number_and_no_boolean(written, field, reason):
    ((_, at, said),) = refusals(written)
    assert at == f"spec.{field}"
    assert reason in said


def test_a_quantity_may_be_either():
    for many in ("2", '"2"'):
        (found,) = parse_text(
            POD.replace("image: x", f"image: x, resources: {{limits: {{cpu: {many}, "
                        f"nvidia.com/gpu: {many}}}}}")
        )  # fmt: skip
        assert found.resources.cpu_milli == 2000
        assert found.resources.devices[0].count == 2
