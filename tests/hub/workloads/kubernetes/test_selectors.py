"""Selectors: there, and of the template's labels, as an API server wants them."""

import pytest
from tests.hub.workloads.kubernetes.samples import parse_text, problems

LABELS = "{app: web, tier: front}"


def text(selector, kind="Deployment", labels=LABELS):
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: one, labels: {{team: a}}}}\nspec:\n"
        f"  template:\n    metadata: {{labels: {labels}}}\n"
        f"    spec: {{containers: [{{name: web, image: x}}]}}\n{selector}"
    )


@pytest.mark.parametrize(
    "selector",
    [
        "{matchLabels: {app: web}}",
        "{matchLabels: {app: web, tier: front}}",
        "{matchExpressions: [{key: app, operator: In, values: [db, web]}]}",
        "{matchExpressions: [{key: app, operator: NotIn, values: [db]}]}",
        "{matchExpressions: [{key: none, operator: NotIn, values: [db]}]}",
        "{matchExpressions: [{key: app, operator: Exists}, {key: x, operator: DoesNotExist}]}",
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_one_that_matches_changes_nothing(kind, selector):
    (found,) = parse_text(text(f"  selector: {selector}\n", kind))
    assert found.labels == {"team": "a", "app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("selector", "field", "reason"),
    [
        ("{matchLabels: {app: db}}", ".matchLabels.app",
         "does not match the labels of the template: 'app' is 'web' there"),
        ("{matchLabels: {team: a}}", ".matchLabels.team", "'team' is no label there"),
        ("{matchExpressions: [{key: app, operator: DoesNotExist}]}", ".matchExpressions[0]",
         "does not match"),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
         ".matchExpressions[0]", "does not match"),
        ("{matchExpressions: [{key: x, operator: Exists}]}", ".matchExpressions[0]",
         "does not match"),
        ("{}", "", "is empty: write the labels"),
        ("{matchLabels: {}}", "", "is empty: write the labels"),
        ("", "", "is empty: give it a value"),
        ("[app]", "", "must be a mapping"),
        ("{app: web}", ".app", "is not a key of a selector"),
        ("{matchLabels: [app]}", ".matchLabels", "must be a mapping"),
        ("{matchExpressions: [{key: app, operator: Gt, values: [a]}]}",
         ".matchExpressions[0].operator", "must be In or NotIn or Exists or DoesNotExist"),
        ("{matchExpressions: [{key: app, operator: In}]}", ".matchExpressions[0]",
         "In needs at least one of values"),
        ("{matchExpressions: [{key: app, operator: Exists, values: [a]}]}",
         ".matchExpressions[0]", "Exists takes none of values"),
        ("{matchExpressions: [{operator: Exists}]}", ".matchExpressions[0].key", "is missing"),
    ],
)  # fmt: skip
def test_what_is_refused_and_on_which_line(selector, field, reason):
    found = problems(text(f"  selector: {selector}\n"))
    assert {line for line, _, _ in found} == {8}
    assert [why for _, at, why in found if at == f"spec.selector{field}" and reason in why]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_none_is_refused(kind):
    assert problems(text("", kind)) == [(4, "spec.selector", "is missing")]


def test_labels_of_the_object_itself_are_none_of_its_pods():
    found = problems(text("  selector: {matchLabels: {app: web}}\n", labels="{}"))
    assert [at for _, at, _ in found] == ["spec.selector.matchLabels.app"]
