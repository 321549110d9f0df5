"""The secrets within containers."""

import dataclasses

import pytest

from skerry_hub.sealed_parts import bare, mapped, named, registry_of
from skerry_wire.lifecycle import File, Sealed
from skerry_wire.workload import Container

DB = Sealed(name="db", version="1a", box=b"box")
PLAIN = Container(name="web", image="localhost/web:1", files=(File(path="/a", content=b"x"),))
WITH = dataclasses.replace(
    PLAIN,
    files=(*PLAIN.files, File(path="/b", secret=DB)),
    secret_environment={"TOKEN": DB},
    credentials=DB,
)


def test_each_secret_is_found_with_its_place():
    assert list(named([PLAIN, WITH])) == [
        ("containers[1].files[1]", DB),
        ("containers[1].secret_environment.TOKEN", DB),
    ]


def test_each_is_changed_and_nothing_else():
    other = Sealed(name="other")
    changed = mapped(WITH, lambda one: other)
    assert [one for _, one in named([changed])] == [other, other]
    assert changed.files[0] == WITH.files[0]
    assert mapped(PLAIN, lambda one: other) == PLAIN


def test_what_an_order_brings_is_bared_to_what_the_workload_says():
    found = bare(WITH)
    assert [one for _, one in named([found])] == [dataclasses.replace(DB, box=b"")] * 2
    assert found.credentials is None


@pytest.mark.parametrize(
    ("image", "registry"),
    [("nginx", "docker.io"), ("Registry.example:5000/a:1", "registry.example:5000"), ("a b", "")],
)
def test_an_image_is_of_its_registry(image, registry):
    assert registry_of(dataclasses.replace(PLAIN, image=image)) == registry
