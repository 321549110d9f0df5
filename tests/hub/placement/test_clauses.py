"""What a policy asks of a node, and where its document says so."""

from skerry_hub.documents import Policy
from skerry_hub.placement.clauses import clauses_of


def test_every_clause():
    policy = Policy(
        name="p",
        required=("node.labels.a exists", "node.id exists and more"),
        forbidden=("node.labels.b == c",),
        residency={"zone": ("z-1", "z-2"), "node": ("box",)},
    )
    said = [(one.field, one.name, str(one.expression or one.why)) for one in clauses_of(policy)]
    assert [(field, name) for field, name, _ in said] == [
        ("required[0]", "policy p: node.labels.a exists"),
        ("required[1]", "policy p: node.id exists and more"),
        ("forbidden[0]", "policy p: not node.labels.b == c"),
        ("residency.node", "policy p: residency"),
        ("residency.zone", "policy p: residency"),
    ]
    texts = [text for _, _, text in said]
    assert texts[0] == "node.labels.a exists"
    assert texts[1].startswith("this hub cannot read the expression: column 16:")
    assert texts[2:] == [
        "not(node.labels.b == c)",
        "any(node.id in [box], node.hostname in [box])",
        "node.labels.zone in [z-1, z-2]",
    ]
    assert list(clauses_of(Policy(name="q"))) == []
