"""`skerry audit`: the log is listed, exported and checked, from a hub and from a file."""

import dataclasses
import json

import pytest
from tests.wire.test_audit_chain import rows

from skerry_cli import contexts
from skerry_hub.api.access_routes import AuditView
from skerry_wire.audit_chain import BEGINNING, Mark


class Log:
    """A hub's log, page by page."""

    def __init__(self, found, anchor=BEGINNING):
        self.rows, self.anchor, self.page = found, anchor, 3

    def __call__(self, asked):
        after = int(asked.query.get("after", self.anchor.seq))
        rest = [row for row in self.rows if row.seq > after]
        head = self.rows[-1].mark if self.rows else self.anchor
        return AuditView(
            items=tuple(rest[: self.page]),
            more=len(rest) > self.page,
            anchor=self.anchor,
            head=head,
        )


@pytest.fixture
def log(hub):
    log = hub.answers["GET /api/v1/audit"] = Log(rows(8))
    return log


@pytest.fixture
def logged_in(hub, tmp_path):
    config = tmp_path / "c" / "config"
    contexts.save(
        contexts.Contexts(current="a", contexts={"a": contexts.Context(hub=hub.url)}), config
    )
    return {"SKERRY_CONFIG": str(config), "SKERRY_HUB": None}


def test_rows_are_listed(hub, skerry, log):
    denied = dataclasses.replace(
        rows(1)[0], content={"phase": "denied", "reason": "no", "subject": "/x"}
    )
    log.rows, log.page = [*rows(1), denied], 9
    lines = skerry("audit", "list", "--since", "1h", "--who", "alice", "--action", "POST").out
    assert [line.split()[0] for line in lines.splitlines()] == ["ROW", "1", "1"]
    assert "POST /x" in lines
    assert lines.splitlines()[2].endswith("no")
    query = hub.asked[-1].query
    assert (query["who"], query["action"]) == ("alice", "POST")
    assert float(query["since"]) > 1e9
    assert len(json.loads(skerry("audit", "list", "-o", "json").out)["items"]) == 2


def test_a_whole_log_is_right_and_its_end_is_remembered(hub, skerry, log, logged_in):
    out = skerry("audit", "verify", **logged_in).out
    assert out.startswith("checked 8 rows: all as they were written, up to 8:")
    kept = contexts.load(contexts.pathlib.Path(logged_in["SKERRY_CONFIG"]))
    assert kept.contexts["a"].audit == str(log.rows[-1].mark)
    log.rows = rows(9)
    skerry("audit", "verify", **logged_in)
    log.rows = rows(8)
    err = skerry("audit", "verify", code=1, **logged_in).err
    assert "the log ends at row 8, and it had row 9: its end is missing" in err


def test_what_was_changed_is_said_with_its_row(skerry, log):
    log.rows[4] = dataclasses.replace(log.rows[4], who="mallory")
    done = skerry("audit", "verify", code=1)
    assert "the audit log is broken: row 5 was changed" in done.err
    found = json.loads(skerry("audit", "verify", "-o", "json", code=1).out)
    assert (found["ok"], found["rows"], found["head"]["seq"]) == (False, 4, 4)


def test_a_row_that_cannot_be_read_is_said_and_the_rest_is_shown(skerry, log):
    log.page = 9
    said = {"damaged": "content: is a list", "found": "[1]"}
    log.rows[4] = dataclasses.replace(log.rows[4], content=said)
    err = skerry("audit", "verify", code=1).err
    assert "the audit log is broken: row 5 is damaged: content: is a list" in err
    lines = skerry("audit", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list("12345678")
    assert lines[5].endswith("damaged: content: is a list")


def test_a_row_that_must_be_there(skerry, log):
    other = f"3:{'a' * 64}"
    assert "the log was written anew" in skerry("audit", "verify", "--head", other, code=1).err
    skerry("audit", "verify", "--head", str(log.rows[2].mark))
    assert "is no ROW:HASH" in skerry("audit", "verify", "--head", "3", code=2).err


def kept_mark(logged_in):
    return contexts.load(contexts.pathlib.Path(logged_in["SKERRY_CONFIG"])).contexts["a"].audit


def file_of(path, found, anchor=BEGINNING):
    """Write rows as `skerry-hub audit cut` does; return where."""
    lines = [{"audit": 1, "anchor": dataclasses.asdict(anchor)}, *map(dataclasses.asdict, found)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture
def seen_at_2(skerry, log, logged_in):
    """Who saw the log up to row 2, before it had eight."""
    every = log.rows
    log.rows = every[:2]
    skerry("audit", "verify", **logged_in)
    assert kept_mark(logged_in) == str(every[1].mark)
    return every


def test_what_was_seen_before_a_cut_is_proved_by_its_files_alone(
    skerry, log, logged_in, seen_at_2, tmp_path
):
    every = seen_at_2
    one = file_of(tmp_path / "one.jsonl", every[:3])
    two = file_of(tmp_path / "two.jsonl", every[3:5], every[2].mark)
    log.rows, log.anchor = every[5:], every[4].mark
    for _ in range(2):
        done = skerry("audit", "verify", code=1, **logged_in)
        assert "is not proved to be whole: row 2 was seen" in done.err
        assert "skerry audit verify --cut FILE" in done.err
        assert kept_mark(logged_in) == str(every[1].mark)
    done = skerry("audit", "verify", "--cut", two, code=1, **logged_in)
    assert "begins after row 3: nothing shows" in done.err
    answer = json.loads(skerry("audit", "verify", "-o", "json", code=1, **logged_in).out)
    assert (answer["ok"], answer["rows"], answer["problem"][:10]) == (False, 3, "row 2 was ")
    assert kept_mark(logged_in) == str(every[1].mark)
    done = skerry("audit", "verify", "--cut", two, "--cut", one, **logged_in)
    assert done.out.startswith("checked 8 rows: all as they were written, up to 8:")
    assert kept_mark(logged_in) == str(every[7].mark)
    skerry("audit", "verify", **logged_in)


def test_an_anchor_that_the_hub_made_up_is_found_and_the_mark_stays(
    skerry, log, logged_in, seen_at_2, tmp_path
):
    """Whoever has the hub deletes the whole log, and begins another one after an anchor of his."""
    every = seen_at_2
    cut = file_of(tmp_path / "cut.jsonl", every[:5])
    other = "f" * 64
    for anchor, says in [
        (Mark(seq=2, hash=other), "row 2, after which the log begins, is another than it was"),
        (Mark(seq=5, hash=other), "is not proved to be whole"),
        (Mark(seq=5000, hash=other), "is not proved to be whole"),
        (Mark(seq=0, hash=other), "something stood before it"),
    ]:
        log.anchor, log.rows = anchor, rows(6, anchor)
        for more in ([], ["--cut", cut]):
            done = skerry("audit", "verify", *more, code=1, **logged_in)
            assert (not more and says in done.err) or (more and "skerry: the audit log" in done.err)
            assert kept_mark(logged_in) == str(every[1].mark)
    log.anchor, log.rows = every[1].mark, []
    done = skerry("audit", "verify", code=1, **logged_in)
    assert "nothing follows row 2" in done.err
    forged = file_of(
        tmp_path / "forged.jsonl", rows(3, Mark(seq=2, hash=other)), Mark(seq=2, hash=other)
    )
    log.anchor = rows(3, Mark(seq=2, hash=other))[-1].mark
    log.rows = rows(4, log.anchor)
    done = skerry("audit", "verify", "--cut", forged, code=1, **logged_in)
    assert f"{forged}: row 2, after which the log begins, is another" in done.err
    assert kept_mark(logged_in) == str(every[1].mark)


def test_where_the_files_are_lost_somebody_says_so(skerry, log, logged_in, seen_at_2):
    log.rows, log.anchor = seen_at_2[5:], seen_at_2[4].mark
    done = skerry("audit", "verify", "--accept-cut", **logged_in)
    assert "accepted without a proof: row 2 was seen" in done.err
    assert kept_mark(logged_in) == str(seen_at_2[7].mark)
    log.rows = [dataclasses.replace(seen_at_2[5], who="mallory"), *seen_at_2[6:]]
    skerry("audit", "verify", "--accept-cut", code=1, **logged_in)


def test_an_export_is_checked_with_what_was_cut_off_before_it(skerry, log, tmp_path):
    every = log.rows
    cut = file_of(tmp_path / "cut.jsonl", every[:5])
    rest = file_of(tmp_path / "rest.jsonl", every[5:], every[4].mark)
    head = ("--head", str(every[1].mark))
    skerry("audit", "verify", "--file", rest, *head, code=1)
    done = skerry("audit", "verify", "--file", rest, "--cut", cut, *head)
    assert done.out.startswith("checked 8 rows")


def test_an_export_is_checked_without_a_hub(hub, skerry, log, tmp_path):
    file = tmp_path / "audit.jsonl"
    file.write_text("older and longer, and for everybody" * 1000)
    file.chmod(0o644)
    assert "8 rows exported" in skerry("audit", "export", "-f", str(file)).err
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    assert "8 rows exported" in skerry("audit", "export", "-f", str(file)).err
    assert file.stat().st_mode & 0o777 == 0o600
    assert skerry("audit", "export").out == file.read_text()
    lines = file.read_text().splitlines()
    assert json.loads(lines[0])["anchor"] == {"seq": 0, "hash": "0" * 64}
    assert len(lines) == 9
    hub.stop()
    assert skerry("audit", "verify", "--file", str(file)).out.startswith("checked 8 rows")
    head = str(log.rows[-1].mark)
    file.write_text("\n".join(lines[:-1]) + "\n")
    skerry("audit", "verify", "--file", str(file))
    err = skerry("audit", "verify", "--file", str(file), "--head", head, code=1).err
    assert "its end is missing" in err
    file.write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")
    assert "row 4 follows row 2" in skerry("audit", "verify", "--file", str(file), code=1).err
    for content in ([1], 5, {"a": 1}):
        row = json.dumps({**json.loads(lines[3]), "content": content})
        file.write_text("\n".join([*lines[:3], row, *lines[4:]]) + "\n")
        err = skerry("audit", "verify", "--file", str(file), code=1).err
        assert f"the audit log is broken: {file}:4: content" in err


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", 2, "is empty"),
        ("nonsense\n", 2, ":1: is no JSON"),
        ('{"audit": 2, "anchor": {}}\n', 2, "reads no such export"),
        ('{"audit": 1, "anchor": {"seq": 0, "hash": "x"}}\n', 1, "not as expected"),
        ('{"audit": 1, "anchor": {"seq": 0}}\nx\n', 2, ":2: is no JSON"),
    ],
)
def test_what_is_no_export_is_said(skerry, tmp_path, text, code, says):
    file = tmp_path / "audit.jsonl"
    file.write_text(text)
    assert says in skerry("audit", "verify", "--file", str(file), code=code).err
