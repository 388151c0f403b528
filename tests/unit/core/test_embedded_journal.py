"""The log of an embedded server, read from a mark on."""

from pathlib import Path

import pytest

from app.core.embedded import journal as journal_module
from app.core.embedded.journal import Journal


def write(journal: Journal, text: str) -> None:
    with journal.open() as file:
        file.write(text.encode())


def test_only_words_after_the_mark_are_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log" / "server.log")
    journal.mark()
    write(journal, "before\n")
    journal.mark()
    write(journal, "one\ntwo\n")
    assert journal.words() == "one\ntwo\n"
    assert journal.last_words() == "  one\n  two"


def test_a_large_log_is_put_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MOST_BYTES", 3)
    journal = Journal(tmp_path / "server.log")
    write(journal, "long\n")
    journal.mark()
    write(journal, "new\n")
    assert journal.words() == "new\n"
    assert (tmp_path / "server.older.log").read_text() == "long\n"
