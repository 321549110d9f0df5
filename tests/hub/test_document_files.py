"""Files of documents: every key, and what is wrong by line and field."""

import pathlib
import time

import pytest
from tests.hub.documents import ENDPOINT, EVERY, WINDOW

from skerry_hub.document_files import MAX_DOCUMENTS, DocumentFileError, holds_documents, parse
from skerry_hub.workloads.compose import SourceFile
from skerry_hub.workloads.problems import MAX_PROBLEMS

GOLDEN = (pathlib.Path(__file__).parent / "documents.yaml").read_text()


def read(text, name="f.yaml"):
    return parse([SourceFile(name=name, text=text)])


def problems(*texts):
    """Return each problem as people see it."""
    files = [SourceFile(name=f"{'fgh'[index]}.yaml", text=text) for index, text in enumerate(texts)]
    with pytest.raises(DocumentFileError) as raised:
        parse(files)
    return [f"{p.file}:{p.line}: {p.field or '-'}: {p.reason}" for p in raised.value.problems]


def test_every_key_of_every_kind_is_read():
    assert read(GOLDEN) == EVERY


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_lines_may_end_as_they_like(end):
    assert read(GOLDEN.replace("\n", end)) == EVERY


def test_a_json_document_is_one_too():
    text = '{"name": "erp", "port": 443,\n "host": "erp.example", "kind": "Endpoint"}'
    assert holds_documents(text)
    assert read(text) == (ENDPOINT,)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (GOLDEN, True),
        ("kind: Policy", True),
        ("name: x\nkind: Policy", True),
        ("'kind' : Policy", True),
        ("# kind\n---\n# x\nkind: x", True),
        ("--- {kind: Endpoint}", True),
        ("%YAML 1.1\n--- # x\n{name: x, kind: x}", True),
        ("services:\n  kind: {image: x}\n", False),
        ("services: {kind: {image: x}}\n", False),
        ('{"services": {"a": {"x-placement": {"devices": [{"kind": "gpu"}]}}}}', False),
        ("{x-a: 'it''s {', b: \"\\\"{\", kind: Policy}", True),
        ("{x-a: {b: [c, kind: x]}, # {\n kind: Policy}", True),
        ("{x-a: it's {, # '\nkind : x}}", True),
        ("# kind: x\nservices: {}", False),
        ("x-a: |\n kind: x\nservices: {}", False),
        ("kinds: x", False),
        ("", False),
        ("---", False),
    ],
)
def test_a_file_of_documents_is_told_from_a_compose_file(text, is_one):
    assert holds_documents(text) is is_one


def test_a_marker_begins_a_document_wherever_it_begins_a_line():
    text = (
        "\ufeff%YAML 1.1\n# first\n---\n" + "kind: MaintenanceWindow\nname: quay-3-night\n"
        "nodes: [node.labels.site == quay-3]\nstart: 2027-03-01T22:00:00Z\nduration: 4h\n"
        "repeats: weekly\nreason: |-\n  firmware\n---\n---\n# nothing\n---\tkind: Endpoint\n"
    )
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith("f.yaml:15: -: is not YAML")
    assert read(text.partition("---\tkind")[0]) == (WINDOW,)


POLICY = """\
kind: Policy
name: EU
selector: "tier=web,,"
required:
  - node.labels.site == a
  - node.bogus == a
forbidden: [node.id == x, node.id == x]
residency:
  kubernetes.io/region: []
  zone: [a, "", a]
  Bad Key: [x]
registries: ["https://x/", ok.example/team/, ok.example/team]
maxPriority: 1.5
quota: {cpu: x, devices: {GPU: 2}, colour: 2, memory: 1 pint, instances: -1}
colour: blue
spec: {}
"""
OF_POLICY = [
    "f.yaml:2: name: 'EU' does not match [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
    "f.yaml:3: selector: '' is neither key=value, key!=value, key nor !key",
    "f.yaml:6: required[1]: column 1: 'node.bogus' is not a field:",
    "f.yaml:7: forbidden[1]: 'node.id == x' is given twice",
    "f.yaml:9: residency.kubernetes.io/region: is empty: name at least one",
    "f.yaml:10: residency.zone[1]: is empty",
    "f.yaml:10: residency.zone[2]: 'a' is given twice",
    "f.yaml:11: residency.Bad Key: the key 'Bad Key' must be",
    "f.yaml:12: registries[0]: 'https://x/' begins no image:",
    "f.yaml:12: registries[2]: must end with /: 'ok.example/team' would let in names that go on",
    "f.yaml:13: maxPriority: '1.5' is not a whole number",
    "f.yaml:14: quota.colour: is not a key of a quota",
    "f.yaml:14: quota.cpu: 'x' is not a number of processors: write 0.5 or 2",
    "f.yaml:14: quota.memory: '1 pint' is not a size:",
    "f.yaml:14: quota.instances: must be 0 to 4294967295, not -1",
    "f.yaml:15: colour: is not a key of a policy",
    "f.yaml:16: spec: is not supported: write its keys as keys of the document itself",
]


def test_everything_that_is_wrong_with_a_policy_is_told_at_its_line():
    found = problems(POLICY)
    assert len(found) == len(OF_POLICY)
    for told, expected in zip(found, OF_POLICY, strict=True):
        assert told.startswith(expected)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: Deployment", "1: kind: 'Deployment' is not supported: what runs is a service"),
        ("kind: Polcy", "1: kind: must be one of Policy, Prices, Dataset, Endpoint, Reservation,"),
        ("kind: [Policy]", "1: kind: must be a text"),
        ("kind: Policy", "1: name: is missing"),
        ("# a\nkind: Policy\nname: x\nquotas: {}", "4: quotas: is not a key of a policy; did you"),
        ("kind: Policy\nname: x\nname: y", "3: name: is given twice, first on line 2"),
        ("kind: Policy\nname: x\nselector:", "3: selector: is empty: give it a value"),
        ("kind: Policy\nname: x\nquota: 5", "3: quota: must be a mapping of keys"),
        ("kind: Policy\nname: x\nrequired: node.id == a", "3: required: must be a list"),
        ("kind: Policy\nname: x\nresidency: {region: eu}", "3: residency.region: must be a list"),
        (
            "kind: Policy\nname: x\nrequired: [node.id == a]\nforbidden: [node.id == a]",
            "4: forbidden[0]: contradicts: no node can fulfil not(node.id == a) beside node.id == a"
            " (required[0])",
        ),
        (
            "kind: Policy\nname: x\nrequired: [node.labels.region == us]\n"
            "residency:\n  zone: [a]\n  region: [eu, us-1]",
            "6: residency.region: contradicts: no node can fulfil node.labels.region in [eu, us-1]"
            " beside node.labels.region == us (required[0])",
        ),
        (
            "kind: Policy\nname: x\nrequired:\n- node.labels.a version > 2\n"
            "- any(node.labels.a version < 1, node.labels.a not exists)",
            "5: required[1]: contradicts: no node can fulfil any(node.labels.a version < 1,"
            " node.labels.a not exists) beside node.labels.a version > 2 (required[0])",
        ),
        *[
            (
                f"kind: {kind}\nname: x\n{more}\nnodes:\n- node.labels.a == b\n"
                "- not(node.labels.a exists)",
                f"{line}: nodes[1]: contradicts: no node can fulfil not(node.labels.a exists)"
                " beside node.labels.a == b",
            )
            for kind, line, more in (
                ("Prices", 6, "cpuHour: 1"),
                ("Reservation", 7, "selector: a=b\ncpu: 1"),
                ("MaintenanceWindow", 7, "start: 2027-03-01T22:00:00Z\nduration: 1h"),
            )
        ],
        ("kind: Prices\nname: x\ncpuHour: -1", "3: cpuHour: must be 0 to 1000000000000, not -1"),
        ("kind: Prices\nname: x\ncpuHour: 1,5", "3: cpuHour: '1,5' is not a number like 0.25"),
        ("kind: Prices\nname: x\negress:\n- {to: a}", "4: egress[0].perGb: is missing"),
        (
            "kind: Prices\nname: x\negress:\n- perGb: 1\n- perGb: 2",
            "5: egress[1]: '' is given twice",
        ),
        ("kind: Prices\nname: x\negress: [{to: a b, perGb: 1}]", "3: egress[0].to: the value of"),
        ("kind: Dataset\nname: x\nplaces: {site: [a]}\nsize: 0", "4: size: must be more than 0"),
        ("kind: Dataset\nname: x\nsize: 1G", "1: places: is empty: say where the data is"),
        (
            "kind: Dataset\nname: x\nsize: 1G\nplaces: {site: [a]}\nbandwidthMbit: 0",
            "5: bandwidthMbit: must be 0.001 to 1000000000, not 0",
        ),
        ("kind: Endpoint\nname: x\nhost: a:1\nport: 1", "3: host: 'a:1' is neither a host's name"),
        ("kind: Endpoint\nname: x\nhost: 10.0.0.999\nport: 1", "3: host: '10.0.0.999' is neither"),
        ("kind: Endpoint\nname: x\nhost: a\nport: 65536", "4: port: must be 1 to 65535, not 65536"),
        ("kind: Reservation\nname: x\ncpu: 1", "1: selector: is empty: every workload could use"),
        ("kind: Reservation\nname: x\nselector: a=b", "1: -: reserves nothing: name some cpu"),
        (
            "kind: Reservation\nname: x\nselector: a=b\ncpu: 1\n"
            "start: 2027-03-01T22:00:00Z\nend: 2027-03-01T22:00:00Z",
            "6: end: must be later than the start",
        ),
        ("kind: Reservation\nname: x\nselector: a\ncpu: 0.0001", "4: cpu: '0.0001' is finer than"),
        (
            "kind: MaintenanceWindow\nname: x\nduration: 1h\nstart: 2027-03-01T22:00:00",
            "4: start: '2027-03-01T22:00:00' has no zone: end it with Z, or with +01:00",
        ),
        (
            "kind: MaintenanceWindow\nname: x\nduration: 1h\nstart: tomorrow",
            "4: start: 'tomorrow' is not a time like 2027-03-01T22:00:00Z",
        ),
        (
            "kind: MaintenanceWindow\nname: x\nduration: 24h\nstart: 2027-03-01T22:00:00Z\n"
            "repeats: daily",
            "3: duration: must be shorter than the 24 hours after which it begins again",
        ),
        (
            "kind: MaintenanceWindow\nname: x\nduration: 90\nstart: 2027-03-01T22:00:00Z",
            "3: duration: '90' is not a duration like 1m30s or 500ms; write 90s for seconds",
        ),
        (
            "kind: MaintenanceWindow\nname: x\nduration: 1h\nstart: 2027-03-01T22:00:00Z\n"
            "repeats: monthly",
            "5: repeats: must be one of daily, weekly; not 'monthly'",
        ),
        ("kind: Endpoint\nname: x\nhost: a\nport: 1\n---\nservices: {}", "6: -: has no kind"),
        ("kind: Endpoint\n  name: x", "2: -: is not YAML:"),
        ("- kind: x\nkind: x", "2: -: is not YAML:"),
        ("--- [kind]\n---\nkind: Policy\nname: x", "1: -: must be a mapping of keys"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_field(text, told):
    (found,) = problems(text)
    assert found.startswith(f"f.yaml:{told}")


def test_problems_of_all_files_are_told_and_a_document_is_in_one_place():
    text = "kind: Policy\nname: x\n"
    assert problems(f"{text}---\n{text}", "kind: Policy\nname: Y", text) == [
        "f.yaml:4: -: Policy x is already in f.yaml, line 1",
        "g.yaml:2: name: 'Y' does not match [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "h.yaml:1: -: Policy x is already in f.yaml, line 1",
    ]


def test_a_dollar_sign_is_one():
    (policy,) = read("kind: Policy\nname: x\nrequired: [node.labels.os matches ^debian$]\n")
    assert policy.required == ("node.labels.os matches ^debian$",)


def test_an_extension_holds_an_anchor():
    text = "kind: Endpoint\nx-host: &host erp.example\nname: erp\nhost: *host\nport: 443\n"
    assert read(text) == (ENDPOINT,)


# --- limits -------------------------------------------------------------------------------


def test_a_document_that_is_too_large_is_refused_whole():
    values = "".join(f"    - {'x' * 120}{index}\n" for index in range(250))
    topologies = "".join(f"  t{index}:\n{values}" for index in range(3))
    found = problems(f"kind: Dataset\nname: x\nsize: 1\nplaces:\n{topologies}")
    assert found == ["f.yaml:1: -: is 93490 bytes when stored, more than 65536"]


def test_a_file_that_is_too_large_is_not_looked_at():
    assert problems("#" * (256 * 1024 + 1)) == ["f.yaml:1: -: is larger than 256 KiB"]


def test_no_more_documents_than_a_request_may_have():
    text = "---\n" * (MAX_DOCUMENTS + 1)
    reason = f"holds document {MAX_DOCUMENTS + 1} of one request, and there may be {MAX_DOCUMENTS}"
    assert problems(text) == [f"f.yaml:{MAX_DOCUMENTS + 1}: -: {reason}"]


def test_no_more_problems_than_anybody_reads():
    text = "kind: Policy\n---\n" * 500
    assert len(problems(text)) == MAX_PROBLEMS + 1


@pytest.mark.parametrize(
    "text",
    [
        "kind: x\n" + "---\n" * 60_000,
        "kind: Policy\n" + "\n" * 250_000,
        "kind: Policy\nrequired:\n" + "- a == b\n" * 28_000,
        "kind: Policy\na: &a [" + "x," * 999 + "]\nb: [" + "*a," * 999 + "]",
        "kind: Policy\nresidency: " + "[" * 50_000,
        "kind: Policy\nname: &n x\n" + "---\nkind: *n\n" * 900,
    ],
    ids=["markers", "lines", "items", "aliases", "depth", "anchors"],
)
def test_a_file_that_is_made_to_be_slow_is_refused_soon(text):
    began = time.process_time()
    problems(text)
    assert time.process_time() - began < 5
