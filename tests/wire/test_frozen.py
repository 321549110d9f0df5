"""A frozen value is what `dataclasses.dataclass` would make of the same class, but for its cost."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from typing import Any

import pytest

from skerry_wire.frozen import frozen


class _Base:
    one: int
    two: str = "b"


class _Inner:
    values: tuple[int, ...] = ()


class _Full:
    name: str
    count: int = 3
    secret: str = dataclasses.field(default="hush", repr=False)
    marks: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)
    late: float | None = dataclasses.field(default=None, kw_only=True)


class _Empty:
    pass


def _pair(plain: type, *, kw_only: bool = False) -> tuple[Any, Any]:
    """Return the class as the standard library makes it, and as `frozen` does."""
    bare = {
        name: value
        for name, value in vars(plain).items()
        if name not in ("__dict__", "__weakref__")
    }
    twice = [type(plain.__name__, plain.__bases__, dict(bare)) for _ in range(2)]
    standard = dataclasses.dataclass(frozen=True, slots=True, kw_only=kw_only)(twice[0])
    return standard, frozen(kw_only=kw_only)(twice[1])


CASES: list[tuple[type, bool, tuple[object, ...], dict[str, object]]] = [
    (_Base, False, (1,), {}),
    (_Base, False, (1, "x"), {}),
    (_Base, True, (), {"one": 1}),
    (_Base, True, (), {"two": "x", "one": 2}),
    (_Inner, False, (), {}),
    (_Inner, False, ((1, 2),), {}),
    (_Full, False, ("n",), {}),
    (_Full, False, ("n", 4, "s"), {"marks": {"a": 1}, "late": 0.5}),
    (_Empty, False, (), {}),
    # What cannot be made:
    (_Base, False, (), {}),
    (_Base, True, (1,), {}),
    (_Base, False, (1, "x", 2), {}),
    (_Full, False, ("n",), {"other": 1}),
    (_Empty, False, (1,), {}),
]


@pytest.mark.parametrize(("plain", "kw_only", "given", "named"), CASES)
def test_it_is_made_shown_and_compared_as_a_dataclass_is(
    plain: type, kw_only: bool, given: tuple[object, ...], named: dict[str, object]
) -> None:
    assert _told(_pair(plain, kw_only=kw_only)[1], given, named) == _told(
        _pair(plain, kw_only=kw_only)[0], given, named
    )


def _told(cls: Any, given: tuple[object, ...], named: dict[str, object]) -> object:
    try:
        one, other = cls(*given, **named), cls(*given, **named)
    except TypeError as error:
        return str(error)
    return (
        repr(one),
        one == other,
        hash(one) == hash(other),
        one == "something else",
        one is other,
        dataclasses.asdict(one),
        cls.__match_args__,
        cls.__slots__,
        [(one.name, one.kind) for one in inspect.signature(cls).parameters.values()],
    )


def test_what_is_not_compared_makes_no_difference() -> None:
    _, full = _pair(_Full)
    assert full("n", marks={"a": 1}) == full("n", marks={})
    assert full("n") != full("m")
    assert hash(full("n")) != hash(full("m"))


def test_a_default_factory_makes_one_for_each() -> None:
    _, full = _pair(_Full)
    assert full("n").marks is not full("n").marks


def test_nothing_can_be_changed() -> None:
    @frozen()
    class Point:
        x: int

    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="x"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="x"):
        del point.x
    with pytest.raises(dataclasses.FrozenInstanceError, match="y"):
        point.y = 2  # type: ignore[attr-defined]
    assert dataclasses.replace(point, x=3) == Point(3)


def test_a_class_may_build_on_another() -> None:
    @frozen(kw_only=True)
    class Node:
        name: str
        seen: int = 0

    @frozen(kw_only=True)
    class Box(Node):
        rack: str | None = None

    assert [field.name for field in dataclasses.fields(Box)] == ["name", "seen", "rack"]
    assert Node(name="a") == Node(name="a", seen=0)
    assert Box(name="a", rack="r") == Box(name="a", seen=0, rack="r")
    assert Box(name="a") != Node(name="a")


def test_a_class_without_a_docstring_has_its_name_there():
    """Else dataclasses works out a signature, which takes as long as all else."""

    @frozen()
    class Bare:
        field: int

    assert Bare.__doc__ == "Bare"


INTERRUPTED = """
import sys
from skerry_wire.frozen import frozen

@frozen()
class Seen:
    number: int

def interrupt(frame, event, argument):
    if frame.f_code.co_name == "<module>":
        raise KeyboardInterrupt

sys.settrace(interrupt)
try:
    Seen(1)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interrupt_while_a_constructor_is_compiled_can_be_caught(tmp_path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    words = [sys.executable, "-m", "interrupted"]
    assert subprocess.run(words, cwd=tmp_path, check=False).returncode == 130
