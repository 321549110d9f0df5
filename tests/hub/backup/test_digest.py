"""The SHA-256 of a whole backup, against somebody who can change it and pack it anew."""

import hashlib
import io
import itertools
import json

import pytest
from tests.hub.backup.test_backup import LATER, altered, kinds, place, setting

from skerry_hub.backup import digest, parts, restoring
from skerry_hub.backup.digest import Digest, expected
from skerry_hub.backup.parts import BackupError

assert place  # a fixture


LATEST = itertools.count(int(LATER))


def repacked(backup):
    """Return the backup as an attacker makes it: another content, and every digest right."""

    def change(members):
        rows = members["tables/hub"].replace(b"0a1b2c3d", b"deadbeef")
        assert rows != members["tables/hub"]
        members["tables/hub"] = rows
        manifest = json.loads(members[parts.MANIFEST])
        for one in manifest["parts"]:
            content = members[one["name"]]
            one["size_bytes"], one["sha256"] = len(content), hashlib.sha256(content).hexdigest()
        members[parts.MANIFEST] = json.dumps(manifest).encode()

    return altered(backup, change)


class Pipe(io.RawIOBase):
    """What cannot be read twice."""

    def __init__(self, data):
        self.left = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self.left.read(size)


def restore(place, source):
    return restoring.restore(
        source, place.data, place.url, force=True, access_too=True, now=next(LATEST)
    )


SOURCES = pytest.mark.parametrize("source", [io.BytesIO, Pipe])


@kinds
@SOURCES
def test_a_backup_that_was_changed_and_packed_anew_is_refused_by_its_digest(place, kind, source):
    first, second = place(kind), place(kind)
    first.fill()
    second.fill()
    before, rows = second.files(), second.all_rows()
    backup = first.backup()
    changed, sha256 = repacked(backup), hashlib.sha256(backup).hexdigest()
    with pytest.raises(BackupError, match=f"{sha256} is wanted"):
        restore(second, expected(source(changed), sha256))
    assert (second.files(), second.all_rows()) == (before, rows)
    restore(second, expected(source(backup), sha256.upper()))
    assert setting(second, "id") == "0a1b2c3d"
    restore(second, expected(source(changed), None))
    assert setting(second, "id") == "deadbeef", "its own digests find damage alone"


def test_a_file_is_refused_before_anything_is_unpacked():
    with pytest.raises(BackupError, match="it is another backup"):
        expected(io.BytesIO(b"no backup at all"), "0" * 64)


@SOURCES
def test_what_follows_a_backup_counts_too(place, tmp_path, source):
    first = place("sqlite")
    first.fill()
    backup = first.backup()
    sha256 = hashlib.sha256(backup).hexdigest()
    longer = backup + b"\0" * 3 * 2**20
    with pytest.raises(BackupError, match="is wanted"):
        restoring.check(expected(source(longer), sha256), tmp_path)
    found = restoring.check(expected(source(backup), sha256), tmp_path)
    assert found.nodes == 2


def test_a_file_that_is_changed_while_it_is_restored_is_refused(place, tmp_path):
    first = place("sqlite")
    first.fill()
    backup = first.backup()
    file = io.BytesIO(backup)
    source = expected(file, hashlib.sha256(backup).hexdigest())
    file.truncate(0)
    file.seek(0)
    file.write(repacked(backup))
    file.seek(0)
    with pytest.raises(BackupError, match="is wanted"):
        restoring.check(source, tmp_path)


@pytest.mark.parametrize("text", ["", "x" * 64, "0" * 63, "sha256"])
def test_what_is_no_digest_is_said(text):
    with pytest.raises(BackupError, match="is no SHA-256"):
        expected(io.BytesIO(), text)


def test_what_was_written_is_counted_and_begun_anew_with_each_file():
    sha256, output = Digest(), io.BytesIO()
    sha256.of(io.BytesIO()).write(b"one that failed")
    writer = sha256.of(output)
    assert [writer.write(one) for one in (b"a", b"bc")] == [1, 2]
    assert (output.getvalue(), str(sha256)) == (b"abc", hashlib.sha256(b"abc").hexdigest())
    digest.settle(output)  # of which no digest is wanted
