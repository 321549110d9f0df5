"""Image references: what people write, what the runtime is told, what a policy allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_wire.images import ImageError, parse_image, parse_pattern

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("bitnami/redis", "docker.io/bitnami/redis:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
        ("Registry.Example/shop/web:2", "registry.example/shop/web:2"),
        ("registry.example:5000/web", "registry.example:5000/web:latest"),
        ("localhost/web", "localhost/web:latest"),
        ("localhost:5000/web", "localhost:5000/web:latest"),
        (f"registry.example/web:2@{DIGEST}", f"registry.example/web@{DIGEST}"),
        (f"web@{DIGEST}", f"docker.io/library/web@{DIGEST}"),
    ],
)
def test_references_are_read_as_docker_reads_them(text, full):
    assert parse_image(text).full == full
    assert parse_image(full).full == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UPPER/case",
        "a/../b",
        "registry.example/",
        "registry.example/shop/../evil",
        "registry.example//web",
        "web:",
        "web:a:b",
        "web@sha256:short",
        "web@md5:" + "a" * 32,
        f"web@{DIGEST}@{DIGEST}",
        "registry.example:port/web",
        "-x/y",
        "a/b:c/d",
        "web\n",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ImageError):
        parse_image(text)


@pytest.mark.parametrize(
    ("pattern", "image", "allowed"),
    [
        ("registry.example", "registry.example/any/thing:1", True),
        ("registry.example", "registry.example.evil/any:1", False),
        ("registry.example", "registry.example:5000/any:1", False),
        ("registry.example", "evil/registry.example/any:1", False),
        ("registry.example:5000", "registry.example:5000/any", True),
        ("registry/", "registry/any", False),  # without dot or port it is a path of docker.io
        ("REGISTRY.example", "registry.EXAMPLE/any", True),
        ("registry.example/shop", "registry.example/shop:1", True),
        ("registry.example/shop/", "registry.example/shop/web:1", True),
        ("registry.example/shop", "registry.example/shopping:1", False),
        ("registry.example/shop:1", "registry.example/shop:1", True),
        ("registry.example/shop:1", "registry.example/shop:2", False),
        ("registry.example/shop:1", "registry.example/shop/web:1", False),
        ("registry.example/shop:1", f"registry.example/shop:1@{DIGEST}", False),
        (f"registry.example/shop@{DIGEST}", f"registry.example/shop:1@{DIGEST}", True),
        (f"registry.example/shop@{DIGEST}", "registry.example/shop:1", False),
        ("nginx", "docker.io/library/nginx:1", True),
        ("nginx", "nginx", True),
        ("nginx", "evil/nginx", False),
        ("docker.io/library/nginx", "nginx", True),
        ("docker.io/library/nginx", "docker.io/nginx", True),
        ("docker.io/nginx:1", "nginx:1", True),
        ("docker.io/bitnami", "bitnami/redis", True),
        ("docker.io/bitnami", "bitnami", False),
        ("library/nginx:1", "nginx:1", True),
        ("localhost", "localhost/web:1", True),
        ("localhost", "localhost:5000/web:1", False),
        ("localhost", "docker.io/localhost/web", False),
    ],
)
def test_a_pattern_allows_what_it_names(pattern, image, allowed):
    assert parse_pattern(pattern).allows(parse_image(image)) is allowed


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("localhost/*", "allows all below it"),
        ("redis:7", "library/redis:7"),
        ("nginx:1.27", "library/nginx:1.27"),
        ("", "not the path"),
        ("registry.example/../x", "not the path"),
    ],
)
def test_a_pattern_that_is_unclear_is_refused_with_advice(text, advice):
    with pytest.raises(ImageError, match=advice):
        parse_pattern(text)


ELEMENT = st.text("abc01-_.", min_size=1, max_size=5)
PATHS = st.lists(ELEMENT, min_size=1, max_size=4).map("/".join)


@given(PATHS, PATHS)
def test_a_path_allows_itself_and_what_is_below_and_nothing_else(allowed, asked):
    try:
        pattern = parse_pattern(f"registry.example/{allowed}")
        image = parse_image(f"registry.example/{asked}")
    except ImageError:
        return
    below = asked.split("/")[: len(allowed.split("/"))] == allowed.split("/")
    assert pattern.allows(image) is below
    assert not pattern.allows(parse_image(f"registry.example.evil/{asked}"))
