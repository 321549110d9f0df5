"""The files of an apply into what they ask for: compose files into workloads, others documents."""

from __future__ import annotations

from skerry_hub import document_files
from skerry_hub.api.requests import ApplyRequest
from skerry_hub.desired import RefusedError
from skerry_hub.document_files import DocumentFileError
from skerry_hub.documents import Document
from skerry_hub.model import Workload
from skerry_hub.views import Problem
from skerry_hub.workloads.compose import ComposeError, SourceFile
from skerry_hub.workloads.compose import parse as parse_compose


def asked_for(request: ApplyRequest) -> tuple[tuple[Document, ...], tuple[Workload, ...]]:
    """Return what files ask for: of a file with a `kind` documents, of others workloads.

    Raises RefusedError with everything that is wrong with any of them.
    """
    files = [
        SourceFile(
            name=one.name, text=one.text, project=one.project, project_given=one.project_given
        )
        for one in request.files
    ]
    of_documents = [file for file in files if document_files.holds_documents(file.text)]
    problems: list[Problem] = []
    documents: tuple[Document, ...] = ()
    workloads: tuple[Workload, ...] = ()
    try:
        documents = document_files.parse(of_documents)
    except DocumentFileError as error:
        problems += error.problems
    try:
        workloads = parse_compose([file for file in files if file not in of_documents])
    except ComposeError as error:
        problems += error.problems
    if problems:
        raise RefusedError(400, *problems)
    return documents, workloads
