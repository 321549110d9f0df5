"""The images of a box, through the API of podman or docker: pulled, listed, removed."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import failures, unix_http
from skerry_executor.runtimes.api import Api, failing, quoted
from skerry_executor.runtimes.base import Credentials, Failure, RuntimeFailure, StoredImage
from skerry_executor.runtimes.http_answer import AnswerError
from skerry_wire.images import ImageError, parse_image

PULL_SILENCE_S = 900.0
"""podman says nothing while a registry is slow to answer."""
PROGRESS_S = 1.0
_NONE = "<none>"


def has(api: Api, image: str) -> bool:
    """Say whether an image, given in full, is on the box."""
    target = f"/images/{quoted(image)}/json"
    return api.call("GET", target, f"looking for image {image}", fine=(200, 404)).status == 200


def pull(
    api: Api,
    image: str,
    credentials: Credentials | None,
    cancel: Cancel,
    progress: Callable[[int, int], None],
) -> None:
    """Fetch an image, given in full. May raise Cancelled."""
    registry = image.partition("/")[0]
    # Without a tag docker would pull every tag there is: a full image always has one.
    target = api.whole("/images/create?" + urllib.parse.urlencode({"fromImage": image}))
    headers = None if credentials is None else {"X-Registry-Auth": _secret(credentials, registry)}
    try:
        with unix_http.lines(
            api.path, "POST", target, silence_s=PULL_SILENCE_S, cancel=cancel, headers=headers
        ) as (status, answer):
            said = _follow(status, answer, progress)
    except TimeoutError:
        reason = f"image {image} cannot be pulled: nothing came for {PULL_SILENCE_S:.0f} s"
        raise RuntimeFailure(Failure.PULL, reason) from None
    except (OSError, AnswerError) as error:
        with failing(api.path):
            raise error
    if said is not None:
        user = None if credentials is None else credentials.user
        raise failures.from_pull(image, registry, _without(said, credentials), user)
    if not has(api, image):
        raise failures.from_pull(image, registry, f"{api.name} ended the pull without it")


def _secret(credentials: Credentials, registry: str) -> str:
    """Return the header's value: https://docs.docker.com/engine/api/v1.41/#section/Authentication."""
    said = {
        "username": credentials.user,
        "password": credentials.password,
        "serveraddress": registry,
    }
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def _without(said: str, credentials: Credentials | None) -> str:
    """Return a runtime's words without the password, should they ever hold it."""
    if credentials is None or not credentials.password:
        return said
    return said.replace(credentials.password, "***")


def _follow(
    status: int, answer: Iterator[bytes], progress: Callable[[int, int], None]
) -> str | None:
    """Return the error that ends the stream (docker by status, podman within), or None."""
    if status != 200:
        return failures.message_of(b"".join(answer)) or f"status {status}"
    layers: dict[str, tuple[int, int]] = {}
    told = 0.0
    for line in answer:
        try:
            step = json.loads(line)
        except ValueError:
            continue
        if not isinstance(step, dict):
            continue
        if step.get("error"):
            return " ".join(str(step["error"]).split())
        detail = step.get("progressDetail") or {}
        if isinstance(detail, dict) and detail.get("total"):
            done = max(0, int(detail.get("current") or 0))
            layers[str(step.get("id"))] = (done, int(detail["total"]))
        if layers and time.monotonic() - told >= PROGRESS_S:
            told = time.monotonic()
            sizes = layers.values()
            progress(sum(current for current, _ in sizes), sum(whole for _, whole in sizes))
    return None


def stored(api: Api) -> tuple[StoredImage, ...]:
    """Return every image on the box, whoever pulled it."""
    answer = api.call("GET", "/images/json?all=false", "listing the images")
    try:
        return tuple(_stored(one) for one in api.parsed(answer, list))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"listing the images: {api.name} gave an answer that cannot be read: {error!r}"
        raise RuntimeFailure(Failure.OTHER, reason) from None


def _stored(plain: Any) -> StoredImage:
    told = (*(plain.get("RepoTags") or ()), *(plain.get("RepoDigests") or ()))
    names = (_full(str(name)) for name in told)
    return StoredImage(
        id=str(plain["Id"]).removeprefix("sha256:"),
        names=tuple(dict.fromkeys(name for name in names if name is not None)),
        size_bytes=max(0, int(plain.get("Size") or 0)),
    )


def _full(name: str) -> str | None:
    """Return a name in full, as docker does not tell those of its own registry."""
    if _NONE in name:
        return None
    try:
        return parse_image(name).full
    except ImageError:
        return name


def remove(api: Api, reference: str) -> None:
    """Remove a name of an image, or by its id the whole of it, unless a container has it.

    The runtime is never told to force anything: podman would remove the containers as well.
    """
    doing = f"removing image {reference}"
    bare = reference.removeprefix("sha256:")
    # Asked for an id that is not there, podman takes it for a name that may not be one.
    found = next((one for one in stored(api) if bare == one.id or reference in one.names), None)
    if found is None:
        return
    _check_unused(api, found, reference, doing)
    # By its id, it could not be removed where it has several names.
    for name in (found.names or (found.id,)) if bare == found.id else (reference,):
        target = f"/images/{quoted(name)}?force=false&noprune=false"
        api.call("DELETE", target, doing, fine=(200, 404))


def _check_unused(api: Api, image: StoredImage, reference: str, doing: str) -> None:
    # podman's own list does not fail where one container, of whoever, is damaged.
    target = f"{'/libpod' if api.name == 'podman' else ''}/containers/json?all=true"
    users = api.parsed(api.call("GET", target, doing), list)
    for one in users:
        if str(one.get("ImageID", "")).removeprefix("sha256:") == image.id:
            name = str((one.get("Names") or [one.get("Id", "")])[0]).removeprefix("/")
            reason = f"image {reference} is in use by container {name}"
            raise RuntimeFailure(Failure.OTHER, reason)
