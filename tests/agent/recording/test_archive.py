"""Tar files: always the same when written, and harmless when unpacked, whoever made them."""

import gzip
import io
import lzma
import os
import pathlib
import socket
import tarfile
import tracemalloc

import pytest

from skerry_agent.recording import archive
from skerry_agent.recording.archive import (
    ArchiveError,
    Tree,
    check_name,
    check_place,
    packed,
    unpack,
    write,
)

TREE = Tree({"/a/b": b"text", "/c": b""}, frozenset({"/a", "/empty"}), {"/l": "/a/b"})


def tar_of(*entries):
    """Return a tar file: (name, content), (name, type, target), or a TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            name, second, *target = entry
            info = tarfile.TarInfo(name)
            if isinstance(second, bytes) and not target:
                info.size = len(second)
                tar.addfile(info, io.BytesIO(second))
                continue
            info.type, info.linkname = second, *target
            tar.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def unpacked(tmp_path):
    def run(data):
        archive, folder = tmp_path / "x.tar", tmp_path / "in" / "side"
        archive.write_bytes(data)
        folder.mkdir(parents=True)
        unpack(archive, folder)
        return folder

    return run


@pytest.mark.parametrize("suffix", [".tar", ".gz", ".tgz", ".xz", ""])
def test_what_is_packed_is_unpacked(unpacked, suffix):
    folder = unpacked(packed(TREE, suffix))
    assert (folder / "a/b").read_bytes() == b"text"
    assert (folder / "c").read_bytes() == b""
    assert (folder / "empty").is_dir()
    assert os.readlink(folder / "l") == "/a/b"


@pytest.mark.parametrize("suffix", [".tar", ".gz", ".xz"])
def test_the_same_is_packed_the_same(suffix):
    turned = Tree(dict(reversed(TREE.files.items())), TREE.folders, TREE.links)
    assert packed(turned, suffix) == packed(TREE, suffix)


def test_too_much_is_not_packed():
    with pytest.raises(ArchiveError, match="more than a recording may hold"):
        packed(Tree({"/x": b"x" * (64 * 1024 * 1024 + 1)}, frozenset(), {}), ".tar")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("../out", b"x")], "leads elsewhere"),
        ([("a/../../out", b"x")], "leads elsewhere"),
        ([("/".join("d" * 70) + "/f", b"x")], "leads elsewhere"),
        ([("n" * 2000, b"x")], "leads elsewhere"),
        ([("l", tarfile.SYMTYPE, ".."), ("l/out", b"x")], "occurs twice"),
        ([("l/f", b"x"), ("l", tarfile.SYMTYPE, "..")], "occurs twice"),
        ([("l", tarfile.SYMTYPE, ".."), ("l/m", tarfile.SYMTYPE, "x")], "occurs twice"),
        ([("f", b"x"), ("f/g", b"x")], "occurs twice"),
        ([("f", b"x"), ("f", b"y")], "occurs twice"),
        ([("f", b"x"), ("h", tarfile.LNKTYPE, "f")], "neither file, folder nor"),
        ([("p", tarfile.FIFOTYPE, "")], "neither file, folder nor"),
        ([("d", tarfile.CHRTYPE, "")], "neither file, folder nor"),
        ([("d", tarfile.BLKTYPE, "")], "neither file, folder nor"),
    ],
)
def test_what_would_do_harm_is_refused(unpacked, tmp_path, entries, words):
    with pytest.raises(ArchiveError, match=words):
        unpacked(tar_of(*entries))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "in" / "out").exists()


def test_an_absolute_name_is_taken_from_the_root(unpacked):
    assert (unpacked(tar_of(("/etc/x", b"1"), ("./y", b"2"))) / "etc/x").read_bytes() == b"1"


def test_a_bomb_is_refused(unpacked):
    zeros = b"\0" * (1024 * 1024)
    buffer = io.BytesIO()
    with lzma.open(buffer, "wb", preset=0) as file:
        info = tarfile.TarInfo("big")
        info.size = 300 * len(zeros)
        file.write(info.tobuf())
        for _ in range(300):
            file.write(zeros)
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        unpacked(buffer.getvalue())


HEADS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, b"K")


@pytest.mark.parametrize("type_", HEADS)
def test_a_bomb_in_the_head_of_an_entry_is_refused_unread(unpacked, type_):
    info = tarfile.TarInfo("x")
    info.type, info.size = type_, 200 * 1024 * 1024
    data = gzip.compress(info.tobuf() + b"\0" * info.size, compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="a head of more than 65536 bytes"):
            unpacked(data)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_head_for_all_entries_is_refused(unpacked):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XGLTYPE, 512
    with pytest.raises(ArchiveError, match="a head for all its entries"):
        unpacked(info.tobuf() + b"11 a=bcdefg\n".ljust(512, b"\0") + b"\0" * 1024)


def test_heads_of_heads_are_refused(unpacked):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 512
    with pytest.raises(ArchiveError, match=r"is broken|is no tar file"):
        unpacked((info.tobuf() + b"name".ljust(512, b"\0")) * 5000 + b"\0" * 1024)


def test_a_long_name_and_a_long_target_are_unpacked(unpacked):
    tree = Tree({f"/{'n' * 200}/f": b"x"}, frozenset(), {"/l": "/" + "t" * 300})
    folder = unpacked(packed(tree, ".tar"))
    assert (folder / ("n" * 200) / "f").read_bytes() == b"x"
    assert os.readlink(folder / "l") == "/" + "t" * 300


def test_too_many_entries_are_refused(unpacked):
    info = tarfile.TarInfo("d")
    info.type = tarfile.DIRTYPE
    many = info.tobuf() * (archive.MAX_ENTRIES + 1)
    with pytest.raises(ArchiveError, match="more than 100000 entries"):
        unpacked(many + b"\0" * 1024)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no tar file, only text",
        b"\x1f\x8b\x08broken",
        b"\xfd7zXZ\0broken",
        gzip.compress(packed(TREE, ".tar"))[:100],
        lzma.compress(packed(TREE, ".tar"))[:100],
        packed(TREE, ".tar")[:700],
        os.urandom(4096),
    ],
)
def test_what_is_no_tar_file_is_refused(unpacked, data):
    with pytest.raises(ArchiveError):
        unpacked(data)


def test_a_file_is_its_owners_and_never_half_there(tmp_path):
    place = tmp_path / "x.tar"
    write(place, b"1", force=False)
    assert place.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ArchiveError, match="--force"):
        write(place, b"2", force=False)
    assert place.read_bytes() == b"1"
    write(place, b"2", force=True)
    assert place.read_bytes() == b"2"
    assert os.listdir(tmp_path) == ["x.tar"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (pathlib.Path.mkdir, "no regular file"),
        (os.mkfifo, "no regular file"),
        (lambda place: place.symlink_to("/dev/null"), "symbolic link"),
        (lambda place: place.symlink_to("nowhere"), "symbolic link"),
        (lambda place: socket.socket(socket.AF_UNIX).bind(os.fspath(place)), "no regular file"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_only_a_regular_file_is_replaced(tmp_path, make, words, force):
    place = tmp_path / "x.tar"
    make(place)
    before = os.lstat(place)
    with pytest.raises(ArchiveError, match=words):
        write(place, b"new", force=force)
    assert os.lstat(place) == before
    assert os.listdir(tmp_path) == ["x.tar"]


def test_a_device_node_is_not_replaced():
    with pytest.raises(ArchiveError, match="no regular file: give a name that is free"):
        check_place(pathlib.Path("/dev/null"), force=True)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.b.tgz", "a.tar.xz"])
def test_names_that_say_what_is_in_them(name):
    check_name(pathlib.Path(name))


@pytest.mark.parametrize(
    "name", ["a", "a.zip", "a.tar.zst", "a.tar.bz2", "a.xz", "a.gz", "a.tgz?", "a.TAR", "tar", "/"]
)
def test_names_that_do_not(name):
    with pytest.raises(ArchiveError, match=r"name ends in \.tar, \.tar\.gz, \.tgz or \.tar\.xz"):
        check_name(pathlib.Path(name))


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(ArchiveError):
        write(tmp_path / "d", b"", force=True)
    with pytest.raises(ArchiveError):
        write(tmp_path / "none" / "x.tar", b"", force=False)
