"""The table of routes: whole, and as the API's document has it."""

import pytest

from skerry_hub.access.roles import ROLES, RULES, Reach, Role
from skerry_hub.api import app as api

OF_NAMES = {Reach.NODE: "{node}", Reach.WORKLOAD: "{workload}", Reach.INSTANCE: "{instance}"}


def routes():
    document = api.openapi_document()
    found = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    return found | {"GET /openapi.json"}


def test_every_route_of_the_api_has_a_rule_and_no_rule_is_about_none():
    assert routes() - set(RULES) == set()
    assert set(RULES) - routes() == set()


@pytest.mark.parametrize("key", RULES)
def test_a_rule_fits_its_route(key):
    rule, (method, route) = RULES[key], key.split(" ")
    for reach, name in OF_NAMES.items():
        assert (name in route) >= (rule.reach is reach), "the path names what it is about"
    if rule.audited:
        assert method != "GET"
        assert rule.role > Role.VIEWER, "who only looks changes nothing"
    if method in ("PUT", "DELETE"):
        assert rule.role > Role.VIEWER


def test_what_needs_no_token_is_little():
    assert {key for key, rule in RULES.items() if rule.reach is Reach.OPEN} == {
        "GET /livez", "GET /healthz", "GET /readyz", "GET /ca.pem",
        "POST /api/v1/join", "POST /api/v1/renew",
    }  # fmt: skip


def test_roles_are_in_their_order():
    assert list(ROLES) == ["viewer", "operator", "admin"]
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN
