"""Declares a frozen value: a dataclass with slots that costs a tenth of one at import.

`dataclasses.dataclass` compiles six functions for each class, 0.3 ms in all. The executor has some
150 classes and is started for each visit: that was a third of its start. Here the constructor is
compiled when the first instance is made, and the rest is shared. `dataclasses.field`, `fields`,
`replace` and `asdict` do what they always do. `__post_init__`, copying and pickling are left out.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")

_UNSET = object()


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def frozen(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """Return the decorator of a frozen class. A base that has fields must have it, too."""

    def declared(cls: type[T]) -> type[T]:
        # Where there is no docstring, dataclasses works out a signature to put in its place.
        cls.__doc__ = cls.__doc__ or cls.__name__
        made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(
            cls
        )
        fields = dataclasses.fields(made)  # type: ignore[arg-type]
        compared = _values([field.name for field in fields if field.compare])
        methods = {
            "__init__": _first_init(made, fields),
            "__eq__": _eq(compared),
            "__hash__": lambda self: hash(compared(self)),
            "__repr__": _repr,
            "__setattr__": _refuse_to_set,
            "__delattr__": _refuse_to_delete,
        }
        for name, method in methods.items():
            setattr(made, name, method)
        return made

    return declared


def _values(names: Sequence[str]) -> Callable[[Any], Any]:
    """Return what reads the attributes into a tuple; of a single one it would be no tuple."""
    if not names:
        return lambda _: ()
    return operator.attrgetter(*names, *names[: len(names) == 1])


def _eq(compared: Callable[[Any], Any]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(compared(self) == compared(other))

    return __eq__


def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({inner})"


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _first_init(cls: Any, fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    """Return a constructor that puts the compiled one in its own place, and calls it."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807
        cls.__init__ = _init(cls, fields)
        cls.__init__(self, *given, **named)

    return __init__


def _init(cls: Any, fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    """Compile the constructor. All names in it are those of the class's own fields."""
    known: dict[str, Any] = {"_unset": _UNSET}
    positional, named, lines = ["self"], ["*"], []
    for number, field in enumerate(fields):
        parameter = value = field.name
        if field.default is not dataclasses.MISSING:
            known[f"_default_{number}"] = field.default
            parameter += f"=_default_{number}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_made_{number}"] = field.default_factory
            parameter += "=_unset"
            value = f"_made_{number}() if {value} is _unset else {value}"
        (named if field.kw_only else positional).append(parameter)
        # The slot's own way to set it, as __setattr__ refuses.
        known[f"_set_{number}"] = getattr(cls, field.name).__set__
        lines.append(f"    _set_{number}(self, {value})\n")
    parameters = ", ".join(positional + named if len(named) > 1 else positional)
    body = "".join(lines) or "    pass\n"
    # Compiled first: an interrupt within the exec of a text ends the program by the signal, even
    # where it was caught (run with -m, CPython 3.11 to 3.13).
    text = f"def __init__({parameters}):\n{body}"
    exec(compile(text, f"<{cls.__qualname__}>", "exec"), known)  # noqa: S102
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    return made
