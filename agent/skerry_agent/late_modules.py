"""Has modules that others import, but seldom use, loaded at their first use.

The standard library's `LazyLoader` does not serve: in Python 3.11 a second `import` loads the
module. Where `dataclasses` looks into `inspect` at each class, as of Python 3.13, that one saves
nothing.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader

OF_THE_AGENT = (
    # paho asks it for proxies where PySocks is installed; it brings HTTP and mail along: 1.3 MiB.
    "urllib.request",
    # dataclasses asks it for the signature of a class without a docstring: 1 MiB.
    "inspect",
)


def load_late(names: Iterable[str] = OF_THE_AGENT) -> None:
    """Put modules in place that load themselves as soon as something is looked for in them.

    A module that is loaded already, or is not there, is left as it is. Not for packages.
    """
    for name in names:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            _put(name, _unloaded(spec, spec.loader))


def _unloaded(spec: ModuleSpec, loader: Loader) -> ModuleType:
    module = importlib.util.module_from_spec(spec)
    loaders, turn = [loader], threading.RLock()

    def look(attribute: str) -> Any:
        if not attribute.startswith("__"):  # the import system asks for such
            with turn:
                while loaders:
                    loaders.pop().exec_module(module)
            if attribute in module.__dict__:
                return module.__dict__[attribute]
        raise AttributeError(f"module {spec.name!r} has no attribute {attribute!r}")

    module.__dict__["__getattr__"] = look
    return module


def _put(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:  # an import does it, too, but takes this one for done
        setattr(sys.modules[parent], child, module)
