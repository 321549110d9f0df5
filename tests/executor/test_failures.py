"""What podman, docker and containerd said of damaged stores, and of what is none of it."""

import json

import pytest

from skerry_executor.runtimes import failures
from skerry_executor.runtimes.base import Failure

OVERLAY = "/var/lib/containers/storage/overlay"
LAYER = f"{OVERLAY}/61032c96fd8825202b4bea3fe711ab5509a578575723d973e9d692dc70d0ab5e"
DOCKER = "/var/lib/docker/overlay2/9f366bdf74239f8bdb5be0463e64a09c290bd22b9f5e370df99e0daced6d"
SNAPSHOT = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/2"
USERDATA = f"{OVERLAY}-containers/1474d2aa7c28/userdata"


@pytest.mark.parametrize(
    "said",
    [
        # podman 4.3.1
        f'getting graph driver info "c24": stat {LAYER}: no such file or directory',
        f"mounting storage for container c24: stat {LAYER}: no such file or directory",
        f"mounting storage for container c24: creating overlay mount to {LAYER}/merged, "
        f'mount_data="lowerdir={OVERLAY}/l/ME4WNBK,upperdir={LAYER}/diff": '
        "no such file or directory",
        f'unable to determine if "{USERDATA}/shm" is mounted: lstat {USERDATA}: no such file or '
        "directory",
        "mounting storage for container e09: recreating the missing symlinks: 1 error occurred: "
        f"* correcting link for layer aad: open {LAYER}/link: no such file or directory",
        # docker 20.10
        f"error creating overlay mount to {DOCKER}/merged: no such file or directory",
        f"stat {DOCKER}: no such file or directory",
        f"open {DOCKER}/committed: no such file or directory",
        "readlink /var/lib/docker/overlay2: invalid argument",
        "Error: driver overlay2 is returning inconsistent paths for container 4a7 ('&{...",
        # containerd 1.6
        "failed to create shim task: failed to mount rootfs component &{overlay overlay [index=off "
        f"workdir={SNAPSHOT}/work]}}: no such file or directory: unknown",
        f"failed to stat parent: stat {SNAPSHOT}/fs: no such file or directory",
    ],
)
def test_what_a_runtime_stored_and_does_not_find_is_damaged(said):
    found = failures.from_answer("starting web", 500, json.dumps({"message": said}).encode())
    assert found.kind is Failure.DAMAGED
    assert found.reason.startswith("the runtime's store is damaged: starting web: ")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            f'runc create failed: error mounting "/srv/x" to rootfs at "/x": mount {DOCKER}/merged'
            ": not a directory",
            Failure.OTHER,
        ),
        (
            'OCI runtime create failed: exec: "/nothere": stat /nothere: no such file or directory',
            Failure.OTHER,
        ),
        (f"write {LAYER}/diff: no space left on device", Failure.DISK_FULL),
        ("stat /srv/data: no such file or directory", Failure.OTHER),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_something_else(said, kind):
    assert failures.from_start("web", said).kind is kind


def test_of_long_words_the_end_is_kept_where_the_cause_stands():
    reason = failures.from_start("web", f"{'x' * 1000}: permission denied").reason
    assert reason.endswith(": permission denied")
    assert len(reason) <= failures.MAX_WORDS + len("starting web: ")
