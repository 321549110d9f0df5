"""Files of Kubernetes manifests into workloads: every problem by line and field, or all. Pure.

A file holds objects, each with `apiVersion` and `kind`, with `---` between them, or as items of a
List. What is not supported is refused by name and line, never ignored; `keys` has all of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence

from skerry_hub.document_files import moved, parts
from skerry_hub.model import Workload
from skerry_hub.placement.contradiction import MAX_REQUEST
from skerry_hub.placement.effort import Effort
from skerry_hub.views import Problem
from skerry_hub.workloads import contained
from skerry_hub.workloads.asked_for import checked
from skerry_hub.workloads.compose import ComposeError, Parsed, SourceFile, folder_project
from skerry_hub.workloads.kubernetes.keys import ELSEWHERE, LIST
from skerry_hub.workloads.kubernetes.objects import OBJECTS, Made, Metadata, metadata
from skerry_hub.workloads.kubernetes.pods import Names
from skerry_hub.workloads.kubernetes.references import ConfigMaps, config_map
from skerry_hub.workloads.kubernetes.values import only
from skerry_hub.workloads.limits import MAX_WORKLOAD_BYTES
from skerry_hub.workloads.places import nearest
from skerry_hub.workloads.ports import reserved
from skerry_hub.workloads.problems import (
    MAX_PROBLEMS,
    Problems,
    RefusedError,
    TooManyProblemsError,
    short,
    under,
)
from skerry_hub.workloads.reading import Section, Value, attempt, below, entries, items, literal
from skerry_hub.workloads.source import Source
from skerry_hub.workloads.yaml_tree import Scalar, parse_tree
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.types import LABEL

MAX_OBJECTS = 1_000
_CONFIG_MAP = "ConfigMap"
_LIST = "List"
_NAME = re.compile(LABEL)
_API_VERSION = re.compile(r"""^(?:[ \t]*\{?[ \t]*)["']?apiVersion["']?[ \t]*:""", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class _Object:
    """One object of a file: where it begins there, what it is and is called."""

    file: SourceFile
    first_line: int
    root: Value
    """Its problems are its own; its field is empty, or that of the item of a List."""
    kind: str
    metadata: Metadata
    project: str

    @property
    def workload(self) -> str:
        return f"{self.project}-{self.metadata.name}"


def holds_manifests(text: str) -> bool:
    """Say whether a file is one of Kubernetes manifests: they have an `apiVersion`."""
    return _API_VERSION.search(text) is not None


def parse(files: Sequence[SourceFile]) -> tuple[Parsed, ...]:
    """Return the workloads of all manifests, in their order. Raises ComposeError."""
    wrong: list[Problem] = []
    objects = list(_objects(files, wrong))
    configs = _config_maps(objects, wrong)
    siblings = {one.metadata.name: one.workload for one in objects if one.kind in OBJECTS}
    found: dict[str, Parsed] = {}
    effort = Effort(MAX_REQUEST)
    for one in objects:
        if one.kind == _CONFIG_MAP or len(wrong) > MAX_PROBLEMS:
            continue
        names = Names(
            project=one.project,
            workload=one.workload,
            labels=one.metadata.labels,
            configs=ConfigMaps(configs.get(one.project, {})),
            siblings=siblings,
            effort=effort,
        )
        with _noting(one, wrong):
            made = attempt(one.root, functools.partial(_read, one.kind, names))
            if one.workload in found:
                one.root.refuse(f"{one.workload} is asked for twice")
            elif made is not None and not len(one.root.problems):
                workload = _checked(made, one.root, effort)
                found[one.workload] = Parsed(workload, _source(one, made), _warnings(one))
    if wrong:
        raise ComposeError(tuple(wrong))
    return tuple(found.values())


def _source(one: _Object, made: Made) -> Source:
    return Source(
        file=one.file.name,
        line=one.first_line + one.root.line,
        field=one.root.field,
        parts={
            path: (place.field, one.first_line + place.line) for path, place in made.places.items()
        },
    )


def _warnings(one: _Object) -> tuple[Problem, ...]:
    found = one.root.problems.warnings_in_order()
    return tuple(moved(warning, one.first_line) for warning in found)


def _read(kind: str, names: Names, root: Value) -> Made:
    return OBJECTS[kind][1](root, names)


@contextlib.contextmanager
def _noting(one: _Object, wrong: list[Problem]) -> Iterator[None]:
    """Add what is found wrong with an object within, with its lines in the file."""
    before = len(one.root.problems)
    with contextlib.suppress(TooManyProblemsError):
        yield
    if len(one.root.problems) > before:
        wrong += [moved(problem, one.first_line) for problem in one.root.problems.in_order()]


def _objects(files: Sequence[SourceFile], wrong: list[Problem]) -> Iterator[_Object]:
    for count, (file, first_line, root) in enumerate(_roots(files, wrong), 1):
        if count > MAX_OBJECTS:
            reason = f"holds object {count} of one request, and there may be {MAX_OBJECTS}"
            line = first_line + root.line
            wrong.append(Problem(reason=reason, file=file.name, line=line))
            return
        found = None
        with _told(root.problems, first_line, wrong):
            found = _object(file, first_line, root)
        if found is not None and not len(root.problems):
            yield found


def _roots(
    files: Sequence[SourceFile], wrong: list[Problem]
) -> Iterator[tuple[SourceFile, int, Value]]:
    """Go through the documents of all files, of a List through its items."""
    for file in files:
        for first_line, text in parts(file.text):
            problems = Problems(file.name)
            found: tuple[Value, ...] = ()
            with _told(problems, first_line, wrong):
                found = _document(text, problems)
            if not len(problems):
                yield from ((file, first_line, root) for root in found)


@contextlib.contextmanager
def _told(problems: Problems, first_line: int, wrong: list[Problem]) -> Iterator[None]:
    """Add all problems after what is within, with their lines in the file."""
    with contextlib.suppress(TooManyProblemsError):  # the last problem says so
        yield
    wrong += [moved(problem, first_line) for problem in problems.in_order()]


def _document(text: str, problems: Problems) -> tuple[Value, ...]:
    """Return the one object of a document, or the items of a List, each with its own problems."""
    try:
        tree = parse_tree(text, problems)
    except RefusedError as refused:
        problems.add(refused.reason, refused.field, refused.line)
        return ()
    if tree is None:
        return ()
    root = Value(tree, "", tree.line, problems)
    if _kind_of(root) != _LIST:
        return (root,)
    section = Section(root, LIST)
    section.need("apiVersion", only("v1"), "")
    return section.need("items", lambda one: tuple(map(_apart, items(one))), ())


def _kind_of(root: Value) -> str:
    """Return what a document says that it is; nothing where that cannot be read."""
    kind = below(root, "kind")
    return kind.node.text if kind is not None and isinstance(kind.node, Scalar) else ""


def _apart(item: Value) -> Value:
    return dataclasses.replace(item, problems=Problems(item.problems.file))


def _object(file: SourceFile, first_line: int, root: Value) -> _Object | None:
    problems = root.problems
    given = attempt(root, lambda one: dict(entries(one)))
    if given is None:
        return None
    missing = [key for key in ("apiVersion", "kind", "metadata") if key not in given]
    if _kind_of(root) == _LIST:
        given["kind"].refuse(
            "a List within a List is not supported: write its items into the outer one"
        )
        return None
    if missing:
        problems.add("is missing", under(root.field, missing[0]), root.line)
        return None
    kind = attempt(given["kind"], literal) or ""
    if kind not in (*OBJECTS, _CONFIG_MAP):
        why = ELSEWHERE.get(kind, f"there are {', '.join(OBJECTS)}, {_CONFIG_MAP}")
        given["kind"].refuse(f"{short(kind)} is not supported" + (f": {why}" if why else ""))
        return None
    version = "v1" if kind == _CONFIG_MAP else OBJECTS[kind][0]
    if (written := attempt(given["apiVersion"], literal)) != version:
        given["apiVersion"].refuse(f"must be {version} for a {kind}, not {short(str(written))}")
    meta = attempt(given["metadata"], metadata)
    if meta is None or len(problems):
        return None
    project = _project(file, meta, given["metadata"])
    if project is None:
        return None
    found = _Object(file, first_line, root, kind, meta, project)
    if kind != _CONFIG_MAP and _NAME.fullmatch(found.workload) is None:
        given["metadata"].refuse(
            f"{short(found.workload)} is not a name: lower-case letters, digits and inner hyphens, "
            "at most 63 of project and name together"
        )
    return found


def _project(file: SourceFile, meta: Metadata, at: Value) -> str | None:
    given = file.project if file.project_given else meta.namespace
    found = given or folder_project(file.project)
    if _NAME.fullmatch(found) is None:
        at.refuse(f"{short(found)} is not a name of a project: give one with --project")
        return None
    return found


def _config_maps(
    objects: Sequence[_Object], wrong: list[Problem]
) -> dict[str, dict[str, Mapping[str, bytes]]]:
    """Return the ConfigMaps by project and name."""
    found: dict[str, dict[str, Mapping[str, bytes]]] = {}
    for one in objects:
        if one.kind != _CONFIG_MAP:
            continue
        with _noting(one, wrong):
            own = found.setdefault(one.project, {})
            if one.metadata.name in own:
                one.root.refuse(f"the ConfigMap {short(one.metadata.name)} is there twice")
            own[one.metadata.name] = attempt(one.root, config_map) or {}
    return found


def _checked(made: Made, root: Value, effort: Effort) -> Workload:
    """Return a workload as it is stored; what no reader saw is noted where it stands."""
    workload = made.workload

    def note(field: str, reason: str) -> None:
        place, rest = nearest(made.places, field)
        at, line = (
            (under(root.field, "spec"), root.line) if place is None else (place.field, place.line)
        )
        root.problems.add(f"{rest}: {reason}" if rest else reason, at, line)

    contained.check(workload.containers, note)
    ports = reserved(port for one in workload.containers for port in one.ports)
    resources = dataclasses.replace(workload.resources, ports=ports)
    found = checked(dataclasses.replace(workload, resources=resources), note, effort)
    data = codec.pack(found)
    if len(data) > MAX_WORKLOAD_BYTES:
        note("", f"is {len(data)} bytes when stored, more than {MAX_WORKLOAD_BYTES}")
        return found
    try:
        codec.decode(Workload, data, strict=True, most=MAX_WORKLOAD_BYTES)
    except WireError as error:
        note(error.field, error.reason)
    return found
