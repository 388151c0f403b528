"""What a folder of embedded services remembers, and the lock of whoever runs it."""

import fcntl
import os
from pathlib import Path

import pytest

from app.core.embedded.errors import AlreadyRunningError, EmbeddedError
from app.core.embedded.state import RunLock, State


def test_a_new_folder_remembers_nothing(tmp_path: Path) -> None:
    assert State.load(tmp_path) is None


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    state = State(postgres_port=20_001)
    state.save(tmp_path)
    assert State.load(tmp_path) == state


def test_no_two_folders_share_a_password() -> None:
    assert State().postgres_password != State().postgres_password
    assert State().postgres_password != State().valkey_password


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    State().save(tmp_path)
    assert (tmp_path / "embedded.json").stat().st_mode & 0o777 == 0o600


def test_a_draft_of_an_interrupted_save_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "embedded.json.new").write_text("{")
    State(valkey_port=7).save(tmp_path)
    assert (State.load(tmp_path) or State()).valkey_port == 7


@pytest.mark.parametrize("contents", ["", "{", "[]", '{"unheard": 1}'])
def test_a_damaged_file_is_told_in_a_sentence(contents: str, tmp_path: Path) -> None:
    (tmp_path / "embedded.json").write_text(contents)
    with pytest.raises(EmbeddedError, match="is damaged"):
        State.load(tmp_path)


def test_the_second_to_lock_is_told_who_was_first(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
        RunLock(tmp_path)
    lock.release()
    RunLock(tmp_path).release()


def test_what_a_killed_run_wrote_does_not_lock(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("1\n")
    RunLock(tmp_path).release()


def test_a_lock_is_not_handed_to_children(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    assert fcntl.fcntl(lock._file, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    lock.release()
