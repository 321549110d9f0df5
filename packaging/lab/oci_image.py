"""Images made of a root file system: for a registry, or as an archive that containerd imports."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import platform
import tarfile
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """The blobs of an image of one layer, a tar."""

    layer: bytes
    config: bytes
    manifest: bytes


def parts(root: bytes, config: dict[str, Any] | None = None) -> Parts:
    """Return the blobs of an image with this root file system. `config` as of the OCI image config."""
    machine = platform.machine()
    description = {
        "architecture": _MACHINES.get(machine, machine),
        "os": "linux",
        "config": config or {},
        "rootfs": {"type": "layers", "diff_ids": [digest(root)]},
    }
    described = json.dumps(description).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(_CONFIG, described),
        "layers": [_descriptor(_LAYER, root)],
    }
    return Parts(root, described, json.dumps(manifest).encode())


def archive(name: str, root: bytes, config: dict[str, Any] | None = None) -> bytes:
    """Return the archive (OCI image layout) of an image with this root file system, a tar."""
    found = parts(root, config)
    manifest = found.manifest
    named = {**_descriptor(MANIFEST, manifest), "annotations": {"io.containerd.image.name": name}}
    index = json.dumps({"schemaVersion": 2, "manifests": [named]}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as whole:
        _add(whole, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(whole, "index.json", index)
        for blob in (found.layer, found.config, manifest):
            _add(whole, f"blobs/sha256/{digest(blob).partition(':')[2]}", blob)
    return buffer.getvalue()


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(blob), "size": len(blob)}


def digest(blob: bytes) -> str:
    """Return the digest by which a blob is known."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _add(whole: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    whole.addfile(entry, io.BytesIO(data))
