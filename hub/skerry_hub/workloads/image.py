"""Image references: checked here, so that a typing mistake is told at apply and not by each node.

Pure. The grammar is https://github.com/distribution/reference.
"""

from __future__ import annotations

import re

from skerry_hub.workloads.problems import RefusedError, short

_REGISTRY = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?")
_ELEMENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST = 512


def image(text: str) -> str:
    """Return the reference as it is written, or raise RefusedError."""
    if not text or len(text) > _MOST:
        raise RefusedError(f"must have 1 to {_MOST} characters")
    if "://" in text:
        raise RefusedError(f"{short(text)} is a URL: write an image without its scheme")
    name, at, digest = text.partition("@")
    if at and _DIGEST.fullmatch(digest) is None:
        raise RefusedError(
            f"{short(digest)} is not a digest, which is sha256: and 64 hexadecimal digits"
        )
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        if _REGISTRY.fullmatch(first) is None:
            raise RefusedError(f"{short(first)} is not the address of a registry")
        name = rest
    path, colon, tag = name.partition(":")
    if colon and _TAG.fullmatch(tag) is None:
        raise RefusedError(f"{short(tag)} is not a tag")
    for element in path.split("/"):
        if _ELEMENT.fullmatch(element) is None:
            hint = "; names are lower-case" if element.lower() != element else ""
            raise RefusedError(f"{short(element)} is no part of an image name{hint}")
    return text
