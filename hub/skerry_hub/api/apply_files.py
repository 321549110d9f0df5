"""An apply into what it asks for: compose files, Kubernetes manifests and JSON into workloads.

Other files are documents.
"""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub import document_files
from skerry_hub.api.requests import ApplyRequest
from skerry_hub.document_files import DocumentFileError
from skerry_hub.documents import Document
from skerry_hub.model import Workload
from skerry_hub.planning import Wish
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_hub.workloads.compose import ComposeError, SourceFile
from skerry_hub.workloads.compose import parse as parse_compose
from skerry_hub.workloads.json_workloads import FIELD, right
from skerry_hub.workloads.kubernetes.manifests import holds_manifests
from skerry_hub.workloads.kubernetes.manifests import parse as parse_manifests
from skerry_hub.workloads.problems import MAX_PROBLEMS
from skerry_hub.workloads.source import Source


def asked_for(request: ApplyRequest) -> Wish:
    """Return what is asked for: of files with a `kind` and no `apiVersion` documents.

    All else are workloads.

    Raises RefusedError with everything that is wrong with any of it.
    """
    if not request.files and not request.workloads:
        raise RefusedError(400, Problem(reason="are missing, and so are workloads", field="files"))
    files = [
        SourceFile(
            name=one.name,
            text=one.text,
            project=one.project,
            project_given=one.project_given,
            attached=one.attached,
        )
        for one in request.files
    ]
    manifests = [file for file in files if holds_manifests(file.text)]
    others = [file for file in files if file not in manifests]
    of_documents = [file for file in others if document_files.holds_documents(file.text)]
    problems: list[Problem] = []
    documents: tuple[Document, ...] = ()
    workloads: tuple[Workload, ...] = ()
    sources: dict[str, Source] = {}
    warnings: list[Problem] = []
    try:
        documents = document_files.parse(of_documents)
    except DocumentFileError as error:
        problems += error.problems
    try:
        parsed = parse_compose([file for file in others if file not in of_documents])
        workloads = tuple(one.workload for one in parsed)
        sources = {one.workload.name: one.source for one in parsed}
    except ComposeError as error:
        problems += error.problems
    try:
        for found in parse_manifests(manifests):
            name = found.workload.name
            if name in sources:
                problems.append(found.source.problem(f"{name} is asked for twice"))
            workloads += (found.workload,)
            warnings += found.warnings
            sources[name] = found.source
    except ComposeError as error:
        problems += error.problems
    try:
        given = right(request.workloads, taken={one.name for one in workloads})
        workloads += given
        for index, one in enumerate(given):
            sources[one.name] = Source(field=f"{FIELD}[{index}]")
    except ComposeError as error:
        problems += error.problems
    if problems:
        raise RefusedError(400, *problems)
    return Wish(
        documents=documents,
        workloads=workloads,
        prune=request.prune,
        basis=request.basis,
        only_outcome=request.only_outcome,
        sources=sources,
        warnings=_limited(warnings),
    )


def _limited(warnings: Sequence[Problem]) -> tuple[Problem, ...]:
    if len(warnings) <= MAX_PROBLEMS:
        return tuple(warnings)
    more = Problem(reason=f"there are more than {MAX_PROBLEMS} warnings; the rest is not told")
    return (*warnings[:MAX_PROBLEMS], more)
