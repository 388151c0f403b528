"""Where the embedded servers keep their data, and the ordinary account they run under when we are root.

PostgreSQL refuses to run as root. Root's servers therefore run as the owner of `var`, or as `nobody` when
root owns it; what that account cannot reach (a clone below /root) is kept in, or copied to, a folder that it
can reach.
"""

import hashlib
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

ELSEWHERE = Path("/var/lib/vien-embedded")
MODE_OF_A_PASSAGE = 0o755
ANYONE_MAY_PASS = 0o001


@dataclass(frozen=True, slots=True)
class Account:
    """The account that root gives the servers to; `ids` is None when we run them as ourselves."""

    ids: tuple[int, int] | None

    @classmethod
    def choose(cls, var: Path) -> "Account":
        """Return the account for the servers of this folder."""
        if os.geteuid() != 0:
            return cls(None)
        owner = var.stat()
        if owner.st_uid != 0:
            return cls((owner.st_uid, owner.st_gid))
        nobody = pwd.getpwnam("nobody")
        return cls((nobody.pw_uid, nobody.pw_gid))

    def can_pass(self, folder: Path) -> bool:
        """Say whether the account can traverse a folder and everything above it."""
        return self.ids is None or all(self._may_enter(each) for each in (folder, *folder.parents))

    def _may_enter(self, folder: Path) -> bool:
        facts = folder.stat()
        owned = self.ids is not None and facts.st_uid == self.ids[0]
        return bool(facts.st_mode & (0o100 if owned else ANYONE_MAY_PASS))


@dataclass(frozen=True, slots=True)
class Place:
    """The folder under which the servers of one `var` live."""

    root: Path
    account: Account

    @classmethod
    def of(cls, var: Path) -> "Place":
        """Find, and make, the place of the servers of `var`: inside it wherever their account gets there."""
        account = Account.choose(var)
        if account.can_pass(var):
            place = cls(var / "embedded", account)
        else:
            place = cls(ELSEWHERE / hashlib.sha256(os.fsencode(var)).hexdigest()[:16], account)
        for folder in (place.root.parent, place.root):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(MODE_OF_A_PASSAGE)
        return place

    def own_folder(self, name: str) -> Path:
        """Make a folder that only the servers' account may enter."""
        folder = self.root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        self.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """Make the servers' account the owner of a path."""
        if self.account.ids is not None:
            os.chown(path, *self.account.ids)

    def reachable(self, program: Path, *belongings: Path) -> Path:
        """Return a path under which the account can run a program, copying it and its belongings if it must.

        The belongings are the files and folders, below one parent, that the program needs to run.
        """
        if self.account.can_pass(program.parent):
            return program
        parent = Path(os.path.commonpath([each.parent for each in belongings]))
        age = f"{program.stat().st_mtime_ns}:{program.stat().st_size}:{program}"
        copy = self.root / f"{program.name}-{hashlib.sha256(age.encode()).hexdigest()[:12]}"
        if not copy.is_dir():
            for older in self.root.glob(f"{program.name}-*"):
                shutil.rmtree(older)
            self._copy(parent, belongings, copy)
        return copy / program.relative_to(parent)

    def _copy(self, parent: Path, belongings: tuple[Path, ...], copy: Path) -> None:
        draft = copy.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        draft.chmod(MODE_OF_A_PASSAGE)
        for each in belongings:
            target = draft / each.relative_to(parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            if each.is_dir():
                shutil.copytree(each, target, ignore=shutil.ignore_patterns("include", "__pycache__"))
            else:
                shutil.copy2(each, target)
        for folder in (path for path in draft.rglob("*") if path.is_dir()):
            folder.chmod(MODE_OF_A_PASSAGE)
        draft.rename(copy)
