"""An image as an archive that containerd imports (OCI image layout), made of a root file system."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def archive(name: str, root: bytes, config: dict[str, Any] | None = None) -> bytes:
    """Return the archive of an image of one layer, a tar. `config` as of the OCI image config."""
    machine = platform.machine()
    description = {
        "architecture": _MACHINES.get(machine, machine),
        "os": "linux",
        "config": config or {},
        "rootfs": {"type": "layers", "diff_ids": [_digest(root)]},
    }
    described = json.dumps(description).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, described),
            "layers": [_descriptor(_LAYER, root)],
        }
    ).encode()
    named = {**_descriptor(_MANIFEST, manifest), "annotations": {"io.containerd.image.name": name}}
    index = json.dumps({"schemaVersion": 2, "manifests": [named]}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as whole:
        _add(whole, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(whole, "index.json", index)
        for blob in (root, described, manifest):
            _add(whole, f"blobs/sha256/{_digest(blob).partition(':')[2]}", blob)
    return buffer.getvalue()


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _add(whole: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    whole.addfile(entry, io.BytesIO(data))
