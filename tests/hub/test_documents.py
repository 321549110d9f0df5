"""Records of documents: how they are called, and picked by kind."""

import pytest
from tests.hub.documents import EVERY
from tests.hub.records import kept_document

from skerry_hub.documents import KINDS, Endpoint, Policy, Prices, key_of, kind_of, of_kind
from skerry_wire import codec


def test_every_kind_has_a_name_of_its_own():
    assert [kind_of(one) for one in EVERY] == list(KINDS)
    assert [KINDS[kind_of(one)] for one in EVERY] == [type(one) for one in EVERY]
    assert key_of(Policy(name="eu")) == ("Policy", "eu")


def test_documents_of_a_kind_come_by_name():
    some = [Prices(name=name) for name in ("b", "a", "a-1")]
    kept = [kept_document(one) for one in (Endpoint(name="a", host="x", port=1), *some)]
    assert [one.name for one in of_kind(kept, Prices)] == ["a", "a-1", "b"]
    assert of_kind(kept, Policy) == ()


@pytest.mark.parametrize("document", EVERY, ids=kind_of)
def test_a_document_is_stored_and_read_whole(document):
    assert codec.decode(type(document), codec.pack(document), strict=True) == document
