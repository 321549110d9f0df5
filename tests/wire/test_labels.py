"""Which labels people may give a node."""

import pytest

from skerry_wire.labels import derived, wrong


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("site", "quay-3"),
        ("a", ""),
        ("A_b.c-9", "B_c.d-9"),
        ("example.com/rack", "7"),
        ("k" * 63, "v" * 63),
        (f"{'d' * 63}.{'d' * 63}.{'d' * 63}/{'k' * 61}", "x"),
        ("topology.kubernetes.io/zone", "hall-3"),
        ("node-role.kubernetes.io/edge", ""),
        ("kubernetes.io", "a-name-not-a-prefix"),
        ("kubernetes.io.example.com/a", "x"),
    ],
)
def test_a_label_as_kubernetes_has_them_is_fine(key, value):
    assert wrong(key, value) is None


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("", "x", "NAME 1 to 63"),
        ("k" * 64, "x", "NAME 1 to 63"),
        ("-a", "x", "letter or digit at either end"),
        ("a.", "x", "letter or digit at either end"),
        ("a b", "x", "NAME 1 to 63"),
        ("a\n", "x", "NAME 1 to 63"),
        ("ø", "x", "NAME 1 to 63"),
        ("example.com/", "x", "NAME 1 to 63"),
        ("Example.com/a", "x", "lower case"),
        ("/a", "x", "lower case"),
        ("a/b/c", "x", "lower case"),
        ("a..b/c", "x", "lower case"),
        (f"{'d' * 250}.com/a", "x", "longer than 253"),
        ("a", "v" * 64, "at most 63"),
        ("a", "north pole", "at most 63"),
        ("a", "nørd", "at most 63"),
        ("a", "x\n", "at most 63"),
        ("a", "-x", "at most 63"),
        ("kubernetes.io/arch", "arm64", "worked out from the box"),
        ("k8s.io/x", "", "worked out from the box"),
        ("feature.node.kubernetes.io/cpu-cpuid.AVX2", "true", "worked out from the box"),
    ],
)
def test_what_is_no_label_has_its_reason(key, value, why):
    assert why in wrong(key, value)


def test_what_a_box_says_itself_is_told_by_the_prefix_alone():
    assert "kubernetes.io/" in derived("kubernetes.io/hostname")
    assert "feature.node.kubernetes.io/" in derived("feature.node.kubernetes.io/" + "x" * 500)
    for key in ("hostname", "topology.kubernetes.io/region", "node.example/kubernetes.io"):
        assert derived(key) is None
