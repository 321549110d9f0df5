"""Compose files into workloads: every problem of every file, or all that is asked for. Pure.

The specification is https://github.com/compose-spec/compose-spec. What of it is not supported is
refused by name and line, never ignored; `keys` has the whole list.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence

from skerry_hub.model import Workload
from skerry_hub.placement.contradiction import MAX_REQUEST
from skerry_hub.placement.effort import Effort
from skerry_hub.views import Problem
from skerry_hub.workloads import limits
from skerry_hub.workloads.configs import Declared, declared_configs, declared_secrets
from skerry_hub.workloads.keys import FILE
from skerry_hub.workloads.mounts import declared
from skerry_hub.workloads.parts import MAX_CONTAINERS, joined
from skerry_hub.workloads.ports import overlap, words
from skerry_hub.workloads.problems import (
    MAX_PROBLEMS,
    Problems,
    RefusedError,
    TooManyProblemsError,
    short,
)
from skerry_hub.workloads.reading import Section, Value, attempt, below, entries, parsed, text
from skerry_hub.workloads.service import Names, Service, service
from skerry_hub.workloads.source import Source
from skerry_hub.workloads.yaml_tree import parse_tree
from skerry_wire.start_order import wrong_order
from skerry_wire.types import LABEL
from skerry_wire.workload import PortMapping

MAX_FILES = 100
MAX_ALL_CHARACTERS = 1024 * 1024
"""Most characters of all files together."""

MAX_SERVICES = 100
"""Most services of one file."""

_FIRST = "containers[0]"
_MOST_NAME = 63
_NAME = re.compile(LABEL)
_NAME_HINT = f"lower-case letters, digits and inner hyphens, at most {_MOST_NAME}"
_NOT_IN_NAME = re.compile(r"[^a-z0-9-]+")


@dataclasses.dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was sent. `project` names its project where the file itself does not.

    With `project_given` an operator said so, and it wins over the file.
    """

    name: str
    text: str
    project: str = ""
    project_given: bool = False
    attached: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    """The files that came along, by the paths that it names them by."""


class ComposeError(Exception):
    """Files that cannot be taken, with everything that is wrong with any of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(
            f"{one.file}:{one.line or ''}: {one.field or ''}: {one.reason}" for one in self.problems
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Parsed:
    """A workload, where it stands, and what of it means less here than it says."""

    workload: Workload
    source: Source
    warnings: tuple[Problem, ...] = ()


def parse(files: Sequence[SourceFile]) -> tuple[Parsed, ...]:
    """Return the workloads of all files, in the order of the files. Raises ComposeError."""
    if len(files) > MAX_FILES:
        raise ComposeError((Problem(reason=f"{len(files)} files are more than {MAX_FILES}"),))
    if sum(len(file.text) for file in files) > MAX_ALL_CHARACTERS:
        reason = f"the files have more than {MAX_ALL_CHARACTERS} characters together"
        raise ComposeError((Problem(reason=reason),))
    wrong: list[Problem] = []
    found: dict[str, Parsed] = {}
    effort = Effort(MAX_REQUEST)
    for file in files:
        problems = Problems(file.name)
        with contextlib.suppress(TooManyProblemsError):  # the last problem says so
            for value, read in _services_of(file, problems, effort):
                name = read.workload.name
                if name in found:
                    first = found[name].source
                    value.refuse(f"{name} is already in {first.file}, line {first.line}")
                    continue
                found[name] = Parsed(read.workload, _source(file, value, read))
        wrong += problems.in_order()
        if len(wrong) > MAX_PROBLEMS:
            break
    if wrong:
        raise ComposeError(tuple(wrong))
    return tuple(found.values())


def _source(file: SourceFile, value: Value, read: Service) -> Source:
    parts = {part: (place.field, place.line) for part, place in read.parts.items()}
    return Source(file=file.name, line=value.line, field=value.field, parts=parts)


def _services_of(
    file: SourceFile, problems: Problems, effort: Effort
) -> list[tuple[Value, Service]]:
    """Return the file's services as workloads; nothing where the file is no tree."""
    try:
        tree = parse_tree(file.text, problems)
    except RefusedError as refused:
        problems.add(refused.reason, refused.field, refused.line)
        return []
    if tree is None:
        problems.add("is empty: there are no services in it")
        return []
    root = Value(tree, "", tree.line, problems)
    return attempt(root, lambda one: _services(file, Section(one, FILE), effort)) or []


def _services(file: SourceFile, top: Section, effort: Effort) -> list[tuple[Value, Service]]:
    project = _project(file, top)
    volumes = top.get("volumes", lambda one: declared(one, project or ""), {}, empty_ok=True)
    services = top.need("services", lambda one: tuple(entries(one)), ())
    if "services" in top and not 1 <= len(services) <= MAX_SERVICES:
        top.refuse("services", f"must be 1 to {MAX_SERVICES} services")
        return []
    names = Names(
        project=project or "",
        volumes=volumes,
        siblings={name: _workload_name(project, name) for name, _ in services},
        effort=effort,
        declared=Declared(
            configs=top.get(
                "configs", lambda one: declared_configs(one, file.attached), {}, empty_ok=True
            ),
            secrets=top.get("secrets", declared_secrets, {}, empty_ok=True),
        ),
    )
    found = {}
    for name, value in services:
        one = attempt(value, functools.partial(_service, service_name=name, names=names))
        if one is not None:
            found[name] = (value, one)
    return _joined(found)


def _joined(found: Mapping[str, tuple[Value, Service]]) -> list[tuple[Value, Service]]:
    """Return services with the containers of those that are parts of them."""
    whole = []
    for name, (value, one) in found.items():
        if one.part_of is not None:
            _check_whole(value, one.part_of, found)
            continue
        parts = [part for _, part in found.values() if part.part_of == name]
        workload = joined(
            one.workload,
            [part.workload for part in parts],
            shared_network=any(part.shares_network for part in parts),
        )
        if len(workload.containers) > MAX_CONTAINERS:
            value.refuse(f"has more than {MAX_CONTAINERS} containers with its parts")
        for index, other, reason in wrong_order(workload.containers):
            service, _ = found[workload.containers[index].name]
            (below(service, "depends_on") or service).refuse(f"{short(other)} {reason}")
        _check_ports(workload, found)
        places = dict(one.parts)
        for index, part in enumerate(parts, 1):
            # Of a part only its container is taken, so that is what has places of its own.
            places |= {
                path.replace(_FIRST, f"containers[{index}]", 1): place
                for path, place in part.parts.items()
                if path.startswith(_FIRST)
            }
        whole.append((value, dataclasses.replace(one, workload=workload, parts=places)))
    return whole


def _check_whole(value: Value, whole: str, found: Mapping[str, tuple[Value, Service]]) -> None:
    of = found.get(whole)
    if of is not None and of[1].part_of is not None:
        (below(value, "x-part-of") or value).refuse(f"{short(whole)} is itself a part")


def _check_ports(workload: Workload, found: Mapping[str, tuple[Value, Service]]) -> None:
    """Note ports that two containers of an instance would publish."""
    seen: list[PortMapping] = []
    for container in workload.containers:
        value, _ = found[container.name]
        for port in container.ports:
            if any(overlap(other, port) for other in seen):
                (below(value, "ports") or value).refuse(f"{words(port)} is published twice")
        seen += container.ports


def _service(value: Value, service_name: str, names: Names) -> Service:
    before = len(value.problems)
    name = names.siblings[service_name]
    if _NAME.fullmatch(service_name) is None:
        value.refuse(f"{short(service_name)} is not a name of a service: {_NAME_HINT}")
    elif len(name) > _MOST_NAME:
        value.refuse(f"{short(name)} is {len(name)} characters long, more than {_MOST_NAME}")
    found = service(value, service_name, name, names)
    # Beside other problems, limits would only tell of the same values again.
    if names.project and len(value.problems) == before:
        limits.check(found.workload, value)
    return found


def _workload_name(project: str | None, service_name: str) -> str:
    return service_name if project is None else f"{project}-{service_name}"


def _project(file: SourceFile, top: Section) -> str | None:
    """Return the project's name; None, and a problem, where there is none."""
    said = top.get("name", parsed(_project_name), None)
    top.get("version", text, None)
    if file.project_given:
        if _NAME.fullmatch(file.project) is None:
            top.value.problems.add(
                f"{short(file.project)} is not a name of a project: {_NAME_HINT}"
            )
            return None
        return file.project
    if "name" in top:
        return said
    folder = folder_project(file.project)
    if not folder:
        top.value.problems.add("is missing: the file has no folder to name its project", "name")
        return None
    return folder


def folder_project(folder: str) -> str:
    """Return the name of a project for a folder's; empty where nothing is left of it.

    A folder's name is nobody's choice for this: it is made to fit, as others do.
    """
    return _NOT_IN_NAME.sub("-", folder.lower()).strip("-")[:_MOST_NAME].strip("-")


def _project_name(written: str) -> str:
    if _NAME.fullmatch(written) is None:
        raise RefusedError(f"{short(written)} is not a name of a project: {_NAME_HINT}")
    return written
