"""References to container images: `[registry[:port]/]path[:tag][@digest]`, parsed once.

Pure. What people write short is read as docker and podman read it: `nginx` is
`docker.io/library/nginx:latest`. https://github.com/distribution/reference has the grammar.
"""

from __future__ import annotations

import re
from typing import Annotated

from skerry_wire.frozen import frozen
from skerry_wire.schema import Text
from skerry_wire.types import Short

DEFAULT_REGISTRY = "docker.io"
LOCAL_REGISTRY = "localhost"
"""podman's name for what was built on the box; there is nothing to pull it from."""

_REGISTRY = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?")
_PATH = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageError(ValueError):
    """A text that is not an image reference; says why."""


@frozen(kw_only=True)
class Image:
    """An image reference in full. At least one of `tag` and `digest` is there."""

    registry: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def full(self) -> str:
        """Return the reference as a runtime takes it; with a digest, the tag says nothing."""
        name = f"{self.registry}/{self.path}"
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"

    @property
    def local(self) -> bool:
        """Whether there is no registry that it could be pulled from."""
        return self.registry == LOCAL_REGISTRY


@frozen(kw_only=True)
class ImagePattern:
    """What a policy allows: a registry, all below a path of one, or one tag or digest only."""

    registry: Annotated[str, Text(256)]
    path: Annotated[str, Text(512)] = ""
    tag: Short | None = None
    digest: Short | None = None

    def __str__(self) -> str:
        path = f"/{self.path}" if self.path else ""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}{path}{tag}{f'@{self.digest}' if self.digest else ''}"

    def allows(self, image: Image) -> bool:
        """Say whether an image is one of those that this pattern names."""
        if image.registry != self.registry:
            return False
        if self.path and image.path != self.path and not image.path.startswith(self.path + "/"):
            return False
        if self.tag is None and self.digest is None:
            return True
        if image.path != self.path or (self.digest is not None and image.digest != self.digest):
            return False
        # A digest beside the tag is what the runtime obeys, so a tag alone allows no digest.
        return self.tag is None or (image.tag == self.tag and image.digest == self.digest)


def parse_image(text: str) -> Image:
    """Return the reference that the text is, with the defaults filled in. Raises ImageError."""
    registry, path, tag, digest = _split(text)
    if tag is None and digest is None:
        tag = "latest"
    return Image(registry=registry, path=_official(registry, path), tag=tag, digest=digest)


def parse_pattern(text: str) -> ImagePattern:
    """Return what a line of a policy allows. Raises ImageError."""
    if "*" in text:
        advice = 'a registry or path allows all below it; "*" alone allows any image'
        raise ImageError(f"{text!r}: * is not part of a name; {advice}")
    whole, text = text, text.removesuffix("/")
    if "/" not in text and _is_registry(text):
        if whole == text and ":" in text and "." not in text.partition(":")[0]:
            raise ImageError(f"{text!r}: write {text}/ for a registry, library/{text} for an image")
        if not _REGISTRY.fullmatch(text):
            raise ImageError(f"{text!r} is not the address of a registry")
        return ImagePattern(registry=text.lower())
    registry, path, tag, digest = _split(text)
    if tag is not None or digest is not None:
        path = _official(registry, path)
    return ImagePattern(registry=registry, path=path, tag=tag, digest=digest)


def _split(text: str) -> tuple[str, str, str | None, str | None]:
    rest, _, digest = text.partition("@")
    if "@" in text and not _DIGEST.fullmatch(digest):
        raise ImageError(f"{text!r}: its digest is not sha256: and 64 hexadecimal digits")
    first, slash, below = rest.partition("/")
    if slash and _is_registry(first):
        registry, rest = first.lower(), below
    else:
        registry = DEFAULT_REGISTRY
        rest = rest if slash else f"library/{rest}"
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    path, colon, tag = rest.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ImageError(f"{text!r}: {tag[:80]!r} is not a tag")
    if not _REGISTRY.fullmatch(registry):
        raise ImageError(f"{text!r}: {registry[:80]!r} is not the address of a registry")
    if not _PATH.fullmatch(path):
        raise ImageError(f"{text!r}: {path[:80]!r} is not the path of an image")
    return registry, path, tag or None, digest or None


def _official(registry: str, path: str) -> str:
    """Return the path as docker.io knows it: `docker.io/nginx` is `docker.io/library/nginx`."""
    return f"library/{path}" if registry == DEFAULT_REGISTRY and "/" not in path else path


def _is_registry(first: str) -> bool:
    return "." in first or ":" in first or first == LOCAL_REGISTRY
