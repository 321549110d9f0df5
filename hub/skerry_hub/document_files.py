"""Files of documents into records: every problem of every file by line and field, or all. Pure.

A file holds documents, each with its `kind`, with `---` between them. A compose file has no `kind`:
that is how the two are told apart.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence

from skerry_hub.document_reading import read_document
from skerry_hub.documents import (
    Document,
    Key,
    key_of,
)
from skerry_hub.views import Problem
from skerry_hub.workloads.compose import SourceFile
from skerry_hub.workloads.problems import (
    MAX_PROBLEMS,
    Problems,
    RefusedError,
    TooManyProblemsError,
)
from skerry_hub.workloads.reading import (
    Value,
    attempt,
)
from skerry_hub.workloads.yaml_tree import MAX_TEXT_BYTES, Scalar, parse_tree

MAX_DOCUMENTS = 1_000
"""Most documents of one request."""

_KIND = re.compile(r"^[\"']?kind[\"']?[ \t]*:", re.MULTILINE)
_FLOW_KIND = re.compile(r"(?:\s|(?<!\S)#[^\r\n]*)*[\"']?kind[\"']?\s*:")
_FLOW_TOKEN = re.compile(
    r"""(?<![^\s{}\[\],:])"[^"\\]*(?:\\.[^"\\]*)*"|(?<![^\s{}\[\],:])'[^']*(?:''[^']*)*'"""
    r"""|(?<!\S)\#[^\r\n]*|[{}\[\],]""",
    re.DOTALL,
)
"""Quoted texts and comments, which hide brackets; brackets and commas."""
_LINE = re.compile("[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|$)")
_MARKER = re.compile("---(?:[ \t\r\n\x85\u2028\u2029]|$)")
_PREAMBLE = re.compile("[ \t]*(?:#|$|[\r\n\x85\u2028\u2029])|%")


class DocumentFileError(Exception):
    """Files that cannot be taken, with everything that is wrong with any of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{p.file}:{p.line}: {p.field}: {p.reason}" for p in problems))
        self.problems = problems


def holds_documents(text: str) -> bool:
    """Say whether a file is one of documents: it has a key `kind` at the outermost level."""
    if _KIND.search(text):
        # Nothing else than a key of the outermost mapping can begin a line so.
        return True
    first = next((line for line in map(_after_marker, _lines(text)) if line.strip()), "")
    return first.lstrip().startswith("{") and _has_outer_kind(text)


def _has_outer_kind(text: str) -> bool:
    """Say whether an outermost mapping in braces, as JSON is, has a key `kind`.

    A device of a compose file has one, too, further in.
    """
    depth = 0
    for token in _FLOW_TOKEN.finditer(text):
        mark = token[0]
        if mark in ("{", "["):
            depth += 1
        elif mark in ("}", "]"):
            depth -= 1
        if depth == 1 and mark in ("{", ",") and _FLOW_KIND.match(text, token.end()):
            return True
    return False


def _after_marker(line: str) -> str:
    """Return what of a line is content: nothing of a comment, a directive or the marker."""
    content = line[3:] if _MARKER.match(line) else line
    return "" if _PREAMBLE.match(content) else content


def parse(files: Sequence[SourceFile]) -> tuple[Document, ...]:
    """Return the documents of all files, in their order. Raises DocumentFileError."""
    wrong: list[Problem] = []
    found: dict[Key, Document] = {}
    places: dict[Key, str] = {}
    count = 0
    for file in files:
        for first_line, text in parts(file.text):
            count += 1
            if count > MAX_DOCUMENTS:
                reason = f"holds document {count} of one request, and there may be {MAX_DOCUMENTS}"
                wrong.append(Problem(reason=reason, file=file.name, line=first_line + 1))
                raise DocumentFileError(tuple(wrong))
            problems = Problems(file.name)
            with contextlib.suppress(TooManyProblemsError):  # the last problem says so
                _read(text, problems, first_line, found, places, file.name)
            wrong += [moved(problem, first_line) for problem in problems.in_order()]
            if len(wrong) > MAX_PROBLEMS:
                raise DocumentFileError(tuple(wrong))
    if wrong:
        raise DocumentFileError(tuple(wrong))
    return tuple(found.values())


def moved(problem: Problem, first_line: int) -> Problem:
    """Return a problem of a part with the line that it has in the file."""
    if problem.line is None:
        return dataclasses.replace(problem, line=first_line + 1)
    return dataclasses.replace(problem, line=problem.line + first_line)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines as YAML counts them, with their ends."""
    return (found[0] for found in _LINE.finditer(text.removeprefix("\ufeff")) if found[0])


def parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield each document's text, and how many lines of the file are before it.

    A line that begins with `---` always begins a document: neither a quoted text nor a block may
    have one. Comments and directives before it are its own.
    """
    if len(text) > MAX_TEXT_BYTES:
        yield 0, text  # refused as a whole, before anything is looked at
        return
    held: list[str] = []
    begin, has_content = 0, False
    for number, line in enumerate(_lines(text)):
        if _MARKER.match(line) and has_content:
            yield begin, "".join(held)
            begin, held = number, []
        has_content = has_content or not _PREAMBLE.match(line)
        held.append(line)
    if has_content:
        yield begin, "".join(held)


def _read(
    text: str,
    problems: Problems,
    first_line: int,
    found: dict[Key, Document],
    places: dict[Key, str],
    file: str,
) -> None:
    """Read one document, unless the part is empty; note what is wrong."""
    try:
        tree = parse_tree(text, problems)
    except RefusedError as refused:
        problems.add(refused.reason, refused.field, refused.line)
        return
    if tree is None or (isinstance(tree, Scalar) and tree.is_null):
        return
    root = Value(tree, "", tree.line, problems)
    document = attempt(root, read_document)
    if document is None:
        return
    key = key_of(document)
    if key in places:
        root.refuse(f"{key[0]} {key[1]} is already in {places[key]}")
        return
    found[key] = document
    places[key] = f"{file}, line {tree.line + first_line}"
