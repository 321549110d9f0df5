"""Entries of systemd's journal, in the bytes that its socket takes."""

from skerry_wire.journal_entry import entry, is_journal


def test_an_entry_has_program_priority_text_and_fields():
    assert entry(
        "skerry-agent", "warning", "broker: refused", {"node": "box-1", "generation": 7}
    ) == (
        b"SYSLOG_IDENTIFIER=skerry-agent\nPRIORITY=4\nMESSAGE=broker: refused\n"
        b"SKERRY_NODE=box-1\nSKERRY_GENERATION=7\n"
    )


def test_nobody_can_forge_a_field():
    data = entry("x", "info", "one\nPRIORITY=0", {"name": "a\nMESSAGE=b"})
    assert b"MESSAGE\n\x0e\0\0\0\0\0\0\0one\nPRIORITY=0\n" in data
    assert b"SKERRY_NAME\n\x0b\0\0\0\0\0\0\0a\nMESSAGE=b\n" in data


def test_what_is_no_text_does_no_harm():
    assert b"MESSAGE=\\udcff\n" in entry("x", "odd", "\udcff", {})
    assert b"PRIORITY=6\n" in entry("x", "odd", "", {})


def test_only_the_stream_that_systemd_named_is_the_journals():
    assert is_journal("8:123", 8, 123)
    assert not is_journal("8:123", 8, 124)
    assert not is_journal(None, 8, 123)
