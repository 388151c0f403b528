"""Where the servers live, and what is copied for an account that cannot reach it."""

import os
from pathlib import Path

import pytest

from app.core.embedded import place as place_module
from app.core.embedded.place import Account, Place

STRANGER = (4_000_001, 4_000_001)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with a library beside it, in a folder that only its owner may enter."""
    home = tmp_path / "home"
    for folder in ("pack/bin", "pack/include", "libraries"):
        (home / folder).mkdir(parents=True)
    (home / "pack/bin/server").write_text("#!/bin/sh\n")
    (home / "pack/bin/server").chmod(0o755)
    (home / "pack/include/header.h").touch()
    (home / "libraries/library.so").touch()
    home.chmod(0o700)
    return home / "pack/bin/server"


@pytest.fixture
def stranger(tmp_path: Path) -> Place:
    """The place of an account that owns nothing here."""
    root = tmp_path / "place"
    root.mkdir()
    return Place(root, Account(STRANGER))


def belongings(program: Path) -> tuple[Path, Path]:
    home = program.parents[2]
    return home / "pack", home / "libraries"


def test_ourselves_may_pass_everywhere(program: Path) -> None:
    assert Account(None).can_pass(program.parent)


def test_a_stranger_may_not_pass_a_private_folder(program: Path) -> None:
    assert not Account(STRANGER).can_pass(program.parent)
    assert Account(STRANGER).can_pass(Path("/usr/bin"))


def test_the_owner_of_a_private_folder_may_pass_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert Account((os.getuid(), os.getgid()))._may_enter(tmp_path)


def test_what_we_can_reach_is_used_where_it_is(program: Path, tmp_path: Path) -> None:
    assert Place(tmp_path, Account(None)).reachable(program, *belongings(program)) == program


def test_what_is_out_of_reach_is_copied_with_its_belongings(program: Path, stranger: Place) -> None:
    copy = stranger.reachable(program, *belongings(program))
    assert copy.is_relative_to(stranger.root)
    assert copy.stat().st_mode & 0o755 == 0o755
    assert (copy.parents[2] / "libraries" / "library.so").exists()
    assert not (copy.parents[2] / "pack" / "include").exists()
    assert all(folder.stat().st_mode & 0o005 == 0o005 for folder in (copy.parent, copy.parents[1], copy.parents[2]))


def test_the_copy_is_made_once_and_replaced_when_the_program_changes(program: Path, stranger: Place) -> None:
    first = stranger.reachable(program, *belongings(program))
    assert stranger.reachable(program, *belongings(program)) == first
    os.utime(program, (1, 1))
    second = stranger.reachable(program, *belongings(program))
    assert second != first
    assert not first.exists()


def test_a_single_program_is_copied_alone(program: Path, stranger: Place) -> None:
    assert stranger.reachable(program, program).read_text() == "#!/bin/sh\n"


def test_folders_that_the_account_can_reach_stay_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "can_pass", lambda *_: True)
    assert Place.of(tmp_path).root == tmp_path / "embedded"


def test_each_folder_out_of_reach_has_a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "can_pass", lambda *_: False)
    monkeypatch.setattr(place_module, "ELSEWHERE", tmp_path / "elsewhere")
    roots = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        roots.append(Place.of(tmp_path / name).root)
    assert roots[0] != roots[1]
    assert all(root.parent == tmp_path / "elsewhere" and root.is_dir() for root in roots)
