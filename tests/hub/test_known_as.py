"""Nodes of one hostname are told apart."""

import pytest

from skerry_hub.known_as import known_as


@pytest.mark.parametrize(
    ("hostname", "node", "name"), [("a", "a", "a"), ("debian", "k3x9", "debian (k3x9)")]
)
def test_the_id_is_beside_a_hostname_that_is_another(hostname, node, name):
    assert known_as(hostname, node) == name
