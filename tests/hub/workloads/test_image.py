"""Image references: what is refused here, and that every node's executor takes the rest."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry_hub.workloads.image import image
from skerry_hub.workloads.problems import RefusedError
from skerry_wire.images import parse_image

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        "nginx",
        "nginx:1.27",
        "library/nginx",
        "localhost/web:1",
        "registry.example:5000/shop/web:v1.2_3-rc.1",
        "127.0.0.1:5000/x",
        f"web@{DIGEST}",
        f"registry.example/a/b/c:1@{DIGEST}",
        "a/b__c-d.e/f---g",
    ],
)
def test_a_reference_is_kept_as_it_is_written(text):
    assert image(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "1 to 512 characters"),
        ("x" * 513, "1 to 512 characters"),
        ("Nginx", "names are lower-case"),
        ("shop/Web:1", "names are lower-case"),
        ("a//b", "'' is no part"),
        ("/a", "'' is no part"),
        ("a/", "'' is no part"),
        ("web:", "'' is not a tag"),
        ("web:a b", "'a b' is not a tag"),
        ("web:" + "t" * 129, "is not a tag"),
        ("web@sha256:12", "is not a digest"),
        ("web@", "is not a digest"),
        ("-x.example/web", "not the address of a registry"),
        ("x.example:port/web", "not the address of a registry"),
        ("https://x.example/web", "without its scheme"),
        ("web\n", "is no part"),
        ("--privileged", "is no part"),
    ],
)
def test_what_is_no_reference(text, reason):
    with pytest.raises(RefusedError) as error:
        image(text)
    assert reason in error.value.reason


PIECES = st.lists(st.sampled_from([*"aZ0._-/:@", "localhost", "x.example", DIGEST]), max_size=8)


@given(PIECES.map("".join))
@example("a/b:c@" + DIGEST)
def test_what_is_taken_here_no_executor_refuses(text):
    try:
        taken = image(text)
    except RefusedError:
        return
    assert parse_image(taken).path
