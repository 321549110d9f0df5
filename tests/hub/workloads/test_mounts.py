"""Volumes, binds and tmpfs."""

import pytest
from tests.hub.workloads.samples import container, problems, refusals

VOLUMES = "volumes: {data: , other: {name: everyones}, quoted: {driver: local, x-a: 1}}\n"


def mounted(part):
    return [(m.kind, m.source, m.target, m.read_only) for m in container(part, VOLUMES).mounts]


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        ("data:/d", ("volume", "shop_data", "/d", False)),
        ("data:/d/:ro", ("volume", "shop_data", "/d", True)),
        ("other:/d:rw", ("volume", "everyones", "/d", False)),
        ("/srv/:/d", ("bind", "/srv", "/d", False)),
        ("/:/d:ro", ("bind", "/", "/d", True)),
        ("{type: volume, source: data, target: /d}", ("volume", "shop_data", "/d", False)),
        (
            "{type: bind, source: /s, target: /d, read_only: true, bind: {x-a: 1}}",
            ("bind", "/s", "/d", True),
        ),
        (
            "{type: bind, source: /s, target: /d, bind: {create_host_path: false}}",
            ("bind", "/s", "/d", False),
        ),
        ("{type: tmpfs, target: /d}", ("tmpfs", "", "/d", False)),
    ],
)
def test_a_mount(written, mount):
    assert mounted(f"volumes: [{written}]" if written[0] == "{" else f'volumes: ["{written}"]') == [
        mount
    ]


def test_tmpfs_is_one_path_or_many():
    assert mounted("tmpfs: /a") == [("tmpfs", "", "/a", False)]
    assert [m[2] for m in mounted("tmpfs: [/a, /b]")] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("/d", "is a volume without a name"),
        ("data", "is a volume without a name"),
        ("nothere:/d", "is not declared"),
        ("./x:/d", "is not an absolute path: the file's folder is not on the node"),
        ("../x:/d", "is not an absolute path"),
        ("~/x:/d", "is not an absolute path"),
        ("/a/../b:/d", "without . or .. or //"),
        ("//a:/d", "without . or .. or //"),
        ("/a/./b:/d", "without . or .. or //"),
        ("data:d", "is not an absolute path in the container"),
        ("data:/", "must not be the container's root"),
        ("data:/a/../b", "without . or .. or //"),
        ("data:/d:z", "mode 'z' is not supported"),
        ("data:/d:ro,nocopy", "mode 'ro,nocopy' is not supported"),
        ("C:/x:/d", "mode '/d' is not supported"),
        ("", "is a volume without a name"),
    ],
)
def test_what_is_no_mount(written, reason):
    ((line, field, said),) = refusals(f'volumes:\n  - "{written}"', VOLUMES)
    assert (line, field) == (5, "volumes[0]")
    assert reason in said


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{target: /d}", "type", "is missing"),
        ("{type: npipe, target: /d}", "type", "must be one of volume, bind, tmpfs"),
        ("{type: volume, source: data}", "target", "is missing"),
        ("{type: volume, target: /d}", "source", "is missing"),
        ("{type: volume, source: none, target: /d}", "source", "is not declared"),
        ("{type: bind, source: x, target: /d}", "source", "is not an absolute path"),
        ("{type: tmpfs, source: x, target: /d}", "source", "is not for a tmpfs"),
        ("{type: tmpfs, target: /d, tmpfs: {size: 1}}", "tmpfs", "the runtime's own"),
        ("{type: volume, source: data, target: /d, bind: {}}", "bind", "is not for a volume"),
        (
            "{type: bind, source: /s, target: /d, bind: {create_host_path: true}}",
            "bind.create_host_path",
            "must be false",
        ),
        (
            "{type: bind, source: /s, target: /d, bind: {propagation: shared}}",
            "bind.propagation",
            "is not supported",
        ),
        ("{type: volume, source: data, target: /d, read_only: 1}", "read_only", "true or false"),
    ],
)
def test_what_is_no_long_mount(written, field, reason):
    ((_, at, said),) = refusals(f"volumes:\n  - {written}", VOLUMES)
    assert at == f"volumes[0].{field}"
    assert reason in said


def test_options_of_tmpfs_are_refused():
    ((_, field, reason),) = refusals("tmpfs: ['/a:size=64m']")
    assert (field, "'size=64m' is not supported" in reason) == ("tmpfs[0]", True)


def test_one_place_is_mounted_once():
    assert refusals("volumes: [data:/d, /srv:/d/]\ntmpfs: [/d, /e]", VOLUMES) == [
        (2, "services.web", "mounts '/d' twice")
    ]


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{a: {driver: nfs}}", "volumes.a.driver", "must be one of local"),
        ("{a: {driver_opts: {}}}", "volumes.a.driver_opts", "is not supported"),
        ("{a: {external: true}}", "volumes.a.external", "is not supported"),
        ("{a: {labels: {}}}", "volumes.a.labels", "is not supported"),
        ("{a: {name: a/b}}", "volumes.a.name", "is not a name of a volume"),
        ("{a/b: }", "volumes.a/b", "is not a name of a volume"),
        ("{a: text}", "volumes.a", "must be a mapping"),
        ("[a]", "volumes", "must be a mapping"),
    ],
)
def test_what_is_no_named_volume(written, field, reason):
    ((line, at, said),) = problems(f"services: {{web: {{image: x}}}}\nvolumes: {written}")
    assert (line, at) == (2, field)
    assert reason in said
