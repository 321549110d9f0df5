"""Every key about files and secrets: what it means, or what to write instead.

The visible table, beside `keys`; the operators' reference is made of both.
"""

from __future__ import annotations

from skerry_hub.workloads.keys import Keys

CONFIG = Keys(
    "a config",
    supported={
        "content": "The text of the file, as it is; `$$` is a dollar sign. 64 KiB at most.",
        "file": "Instead of the content: a file beside the compose file, which `skerry apply`"
        " reads and sends along.",
    },
    refused={
        "environment": "it would come from the shell of whoever applies; write the content",
        "external": "the hub keeps no configs; give the content, or a file",
        "labels": "",
        "name": "the hub keeps no configs; give the content, or a file",
        "template_driver": "",
    },
)

SECRET = Keys(
    "a secret",
    supported={
        "external": "Required. `true`: `skerry secret create` has kept it at the hub.",
        "name": "Its name at the hub; the key itself where not given.",
    },
    refused={
        "driver": "",
        "environment": "use `skerry secret create` and external: true",
        "file": "use `skerry secret create --from-file` and external: true",
        "labels": "",
        "template_driver": "",
    },
)

FILE_OF_SERVICE = Keys(
    "a config or secret of a service",
    supported={
        "source": "Required. Its key in the top-level `configs` or `secrets`.",
        "target": "Where the container finds it: an absolute path, of a secret also a name within"
        " `/run/secrets/`. `/<source>` and `/run/secrets/<source>` where not given.",
        "uid": "Whose it is; the container's `user` where that is a number, else 0.",
        "gid": "As `uid`, for the group.",
        "mode": "In octal, as `0440`. `0444` for configs and `0400` for secrets where not given.",
    },
)

FILE_TABLES: tuple[tuple[str, Keys], ...] = (
    ("services.<name>.configs[], services.<name>.secrets[]", FILE_OF_SERVICE),
    ("configs.<name>", CONFIG),
    ("secrets.<name>", SECRET),
)
"""Where each kind of mapping stands in a file."""
