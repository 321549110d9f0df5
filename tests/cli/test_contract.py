"""What the command line asks is what the real API takes, so that the canned hub proves something.

The answers of the canned hub are made of the hub's own view classes; here every question that
the commands ask is held against the API's document and the records that it reads bodies with.
"""

import dataclasses
import json
import re

import pytest
from tests.cli.canned import problems
from tests.cli.samples import (
    CONTENT,
    DELETED,
    DETAIL,
    DEVICES,
    EVENTS,
    EXPLANATION,
    HISTORY,
    INSTANCE,
    NODE,
    NODE_DETAIL,
    PLAN,
    POLICY,
    ROUND_TRIPS,
    WINDOW,
    WORKLOAD,
)
from tests.cli.test_access import TEXT, TOKEN
from tests.cli.test_audit import Log
from tests.cli.test_decisions import DETAIL as DECISION
from tests.cli.test_decisions import PLACED, SAME
from tests.cli.test_login import ALICE as CALLER
from tests.cli.test_logs import answer
from tests.cli.test_rollout import GOING, REVISIONS
from tests.cli.test_secret import SECRET
from tests.cli.test_token import ENROLLED, LISTED, MADE
from tests.wire.test_audit_chain import rows

from skerry_cli.describe_document import VERSIONS
from skerry_cli.document_kinds import DOCUMENT_KINDS
from skerry_cli.explain import MOST as MOST_EXPLAINED
from skerry_cli.get import MOST_DEVICES
from skerry_cli.kinds import DEVICE_KINDS
from skerry_hub import devices
from skerry_hub.api import app as api
from skerry_hub.api.access_routes import TokenMade, TokenRequest
from skerry_hub.api.instance_requests import ExecRequest
from skerry_hub.api.requests import (
    ApplyRequest,
    DrainRequest,
    LabelRequest,
    TaintRequest,
    TrustRequest,
)
from skerry_hub.api.rollouts import UndoRequest
from skerry_hub.api.secrets import LoginRequest, SecretRequest
from skerry_hub.documents import KINDS
from skerry_hub.joining.views import JoinTokenRequest
from skerry_hub.rollout.views import RevisionDetail, RolloutDetail
from skerry_hub.views import Basis, PlanView
from skerry_wire.codec import from_plain, to_plain

BODIES = {
    "/api/v1/workloads/w/rollout/undo": UndoRequest,
    "/api/v1/plan": ApplyRequest,
    "/api/v1/access": TokenRequest,
    "/api/v1/apply": ApplyRequest,
    "/api/v1/nodes/box-1/taints": TaintRequest,
    "/api/v1/nodes/box-1/drain": DrainRequest,
    "/api/v1/nodes/box-1/trust-key": TrustRequest,
    "/api/v1/secrets/db": SecretRequest,
    "/api/v1/join-tokens": JoinTokenRequest,
    "/api/v1/registries/r.example%3A5000": LoginRequest,
    "/api/v1/instances/shop-web-0/exec": ExecRequest,
}


@pytest.fixture(scope="module")
def document():
    return api.openapi_document()


def documented(document, asked):
    """Return what the API's document says of a question, or fail."""
    for template, methods in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), asked.path):
            assert asked.method.lower() in methods, asked
            return methods[asked.method.lower()]
    raise AssertionError(f"the API knows nothing of {asked}")


COMMANDS = [
    ["get", "nodes", "-l", "a=b"],
    ["get", "node", "box-1"],
    ["get", "workloads", "-l", "a=b"],
    ["get", "workload", "w"],
    ["get", "instances", "-l", "a=b", "--node", "n", "--workload", "w"],
    ["get", "events", "--node", "n", "--workload", "w", "--limit", "10000"],
    ["get", "devices", "-l", "a=b", "--node", "n", "--kind", "gpu", "--vendor", "v", "--usable"],
    ["get", "device", "box-1/disk/sda", "--unusable", "--limit", "5"],
    ["get", "round-trips", "--node", "n", "--to", "broker", "--limit", "100000"],
    ["get", "decisions", "shop-web", "--limit", "1000"],
    ["describe", "decision", "42"],
    ["replay", "42", "--scores"],
    ["describe", "node", "box-1"],
    ["describe", "workload", "w"],
    ["describe", "instance", "shop-web-0"],
    ["plan", "-f", "-"],
    ["apply", "-f", "-", "--prune", "--project", "p"],
    ["get", "policies"],
    ["get", "windows", "quay-3-night", "-o", "json"],
    ["describe", "policy", "eu-only"],
    ["delete", "policy", "eu-only"],
    ["explain", "w", "--node", "n", "--limit", "1000"],
    ["snapshot"],
    ["delete", "workload", "w"],
    ["delete", "node", "box-1", "-y"],
    ["describe", "node", "box-1", "-o", "json"],
    ["node", "probe", "box-1"],
    ["node", "adopt", "box-1"],
    ["node", "revoke", "box-1", "--yes"],
    ["node", "certificates", "box-1"],
    ["node", "certificates"],
    ["token", "create", "--ttl", "2h", "--uses", "3", "-l", "a=b", "--node", "box-1"],
    ["token", "list"],
    ["token", "revoke", "0123456789abcdef"],
    ["node", "overwrite", "box-1", "-y"],
    ["label", "node", "box-1", "a=b", "c-"],
    [
        "taint",
        "node",
        "box-1",
        "a=b:NoSchedule",
        "c:NoExecute",
        "d-",
        "e:NoSchedule-",
        "f:PreferNoSchedule",
    ],
    ["secret", "create", "db", "--from-file", "-"],
    ["secret", "update", "db", "--from-file", "-"],
    ["secret", "list"],
    ["secret", "describe", "db"],
    ["secret", "rm", "db", "-y"],
    ["registry", "login", "r.example:5000", "--username", "ci", "--password-stdin"],
    ["registry", "list"],
    ["registry", "logout", "r.example:5000"],
    ["node", "trust-key", "box-1"],
    ["cordon", "box-1"],
    ["uncordon", "box-1"],
    ["drain", "box-1", "--force"],
    ["drain", "box-1", "--dry-run"],
    ["wait", "node", "box-1", "--for", "online"],
    ["version", "--hub"],
    ["logs", "shop-web-0", "-f", "-c", "web", "--tail", "5", "--since", "1m"],
    ["exec", "shop-web-0", "-c", "web", "--stdin", "--", "ls"],
    ["restart", "shop-web-0", "-c", "web", "--no-wait"],
    ["top", "instances", "--node", "box-1"],
    ["top", "nodes"],
    ["whoami"],
    ["access", "create", "ci", "--role", "operator", "--scope", "site=quay-3"],
    ["access", "list"],
    ["access", "revoke", "ci", "-y"],
    ["audit", "list", "--since", "1h", "--who", "alice", "--action", "labels", "--limit", "1000"],
    ["audit", "verify"],
    ["audit", "export"],
    ["rollout", "list"],
    ["rollout", "status", "w"],
    ["rollout", "pause", "w"],
    ["rollout", "resume", "w"],
    ["rollout", "undo", "w", "--to", "2"],
    ["rollout", "history", "w"],
    ["rollout", "history", "w", "--revision", "3"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_asked_is_what_the_api_takes(hub, skerry, document, words):
    hub.answers |= {
        "GET /api/v1/nodes": [NODE],
        "GET /api/v1/nodes/box-1": NODE_DETAIL,
        "GET /api/v1/workloads": [WORKLOAD],
        "GET /api/v1/workloads/w": DETAIL,
        "GET /api/v1/workloads/w/explain": EXPLANATION,
        "GET /api/v1/snapshot": {"snapshot": 1},
        "GET /api/v1/instances": [INSTANCE],
        "GET /api/v1/events": EVENTS,
        "GET /api/v1/devices": DEVICES,
        "GET /api/v1/round-trips": ROUND_TRIPS,
        "GET /api/v1/decisions": [PLACED],
        "GET /api/v1/decisions/42": DECISION,
        "GET /api/v1/decisions/42/replay": SAME,
        "GET /api/v1/documents": lambda asked: {
            "items": [WINDOW if asked.query["kind"] == "MaintenanceWindow" else POLICY]
        },
        "GET /api/v1/documents/Policy/eu-only": POLICY,
        "GET /api/v1/documents/Policy/eu-only/history": HISTORY,
        "DELETE /api/v1/documents/Policy/eu-only": DELETED,
        "GET /api/v1/instances/shop-web-0/logs": answer(),
        "POST /api/v1/instances/shop-web-0/exec": answer(),
        "POST /api/v1/instances/shop-web-0/restart": {},
        "GET /api/v1/nodes/box-1/top": {},
        "GET /api/v1/whoami": CALLER,
        "POST /api/v1/access": TokenMade(token=TOKEN, text=TEXT),
        "GET /api/v1/access": [TOKEN],
        "DELETE /api/v1/access/ci": TOKEN,
        "GET /api/v1/audit": Log(rows(4)),
        "GET /api/v1/rollouts": [GOING],
        "GET /api/v1/workloads/w/rollout": RolloutDetail(rollout=GOING),
        "POST /api/v1/workloads/w/rollout/pause": RolloutDetail(rollout=GOING),
        "POST /api/v1/workloads/w/rollout/resume": RolloutDetail(rollout=GOING),
        "POST /api/v1/workloads/w/rollout/undo": PLAN,
        "GET /api/v1/workloads/w/revisions": REVISIONS,
        "GET /api/v1/workloads/w/revisions/3": RevisionDetail(
            revision=REVISIONS[0], content=CONTENT
        ),
        "POST /api/v1/plan": PLAN,
        "POST /api/v1/apply": PLAN,
        "DELETE /api/v1/workloads/w": PLAN,
        "DELETE /api/v1/nodes/box-1": PLAN,
        "POST /api/v1/nodes/box-1/probe": NODE,
        "POST /api/v1/nodes/box-1/adopt": NODE,
        "POST /api/v1/nodes/box-1/revoke": ENROLLED,
        "GET /api/v1/nodes/box-1/enrollment": ENROLLED,
        "GET /api/v1/enrollments": list(LISTED),
        "POST /api/v1/join-tokens": MADE,
        "GET /api/v1/join-tokens": [MADE.view],
        "DELETE /api/v1/join-tokens/0123456789abcdef": MADE.view,
        "POST /api/v1/nodes/box-1/overwrite": NODE,
        "POST /api/v1/nodes/box-1/labels": NODE,
        "POST /api/v1/nodes/box-1/taints": NODE,
        "GET /api/v1/secrets": [SECRET],
        "GET /api/v1/secrets/db": SECRET,
        "POST /api/v1/secrets/db": SECRET,
        "DELETE /api/v1/secrets/db": SECRET,
        "GET /api/v1/registries": [SECRET],
        "POST /api/v1/registries/r.example%3A5000": SECRET,
        "DELETE /api/v1/registries/r.example%3A5000": SECRET,
        "POST /api/v1/nodes/box-1/trust-key": NODE,
        "POST /api/v1/nodes/box-1/cordon": NODE,
        "POST /api/v1/nodes/box-1/uncordon": NODE,
        "POST /api/v1/nodes/box-1/drain": PlanView(changes=PLAN.changes[:1]),
    }
    skerry(*words, data="services: {}\n", code=3 if words[0] == "explain" else 0)
    assert hub.asked
    for asked in hub.asked:
        operation = documented(document, asked)
        known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        assert asked.query.keys() <= known
        assert (asked.body is not None) == ("requestBody" in operation)
        if asked.body is not None:
            kind = BODIES.get(asked.path, LabelRequest)
            assert from_plain(kind, asked.body, strict=True)


def test_the_limit_of_explanations_is_the_apis(document):
    parameters = document["paths"]["/api/v1/workloads/{workload}/explain"]["get"]["parameters"]
    (limit,) = (one["schema"] for one in parameters if one["name"] == "limit")
    assert limit["maximum"] == MOST_EXPLAINED


def test_a_saved_plan_is_an_apply_that_the_api_takes(hub, skerry, tmp_path):
    basis = Basis(inputs="a" * 32, sections={"nodes": "b" * 16}, outcome="c" * 32)
    planned = dataclasses.replace(PLAN, basis=basis)
    hub.answers |= {"POST /api/v1/plan": planned, "POST /api/v1/apply": planned}
    job = to_plain(CONTENT)
    (tmp_path / "job.json").write_text(json.dumps(job))
    out = str(tmp_path / "p")
    files = ("-f", "-", "-f", str(tmp_path / "job.json"))
    skerry("plan", *files, "--out", out, data="services: {}\n")
    skerry("apply", "--plan", out, "--same-outcome")
    request = from_plain(ApplyRequest, hub.asked[-1].body, strict=True)
    assert (request.basis, request.only_outcome) == (basis, True)
    assert request.workloads == (CONTENT,)


def test_problems_have_the_shape_of_the_apis(document):
    schema = document["components"]["schemas"]["Problem"]["properties"]
    assert problems(400, {"reason": "r"}).body["problems"][0].keys() == schema.keys()


def test_the_kinds_of_documents_are_those_that_the_hub_knows():
    assert [kind.document for kind in DOCUMENT_KINDS] == list(KINDS)


def test_no_more_versions_are_asked_for_than_the_api_tells(document):
    path = "/api/v1/documents/{kind}/{name}/history"
    parameters = document["paths"][path]["get"]["parameters"]
    (limit,) = (one["schema"] for one in parameters if one["name"] == "limit")
    assert limit["maximum"] >= VERSIONS


def test_the_kinds_of_devices_that_are_completed_are_those_that_the_hub_knows():
    assert (*devices.KINDS, *devices.GROUPS) == DEVICE_KINDS


def test_the_limit_of_devices_is_the_apis(document):
    parameters = document["paths"]["/api/v1/devices"]["get"]["parameters"]
    (limit,) = (one["schema"] for one in parameters if one["name"] == "limit")
    assert limit["maximum"] == MOST_DEVICES
