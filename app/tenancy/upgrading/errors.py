"""What can go wrong with migrations, and what to do then."""

from __future__ import annotations

from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l
from app.tenancy.ledger.errors import OperationTaken


class UnknownRevision(InvalidValue):
    """A revision that this release does not have."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            _l("This release does not know the revision %(revision)s.", revision=revision),
            field="to",
            remedy=_l("See `flask fleet status` for the revisions there are; a newer one needs a newer release."),
        )


class NoWayDown(Conflict):
    """A revision whose way back is not written."""

    title = _l("There is no way back from this revision")

    def __init__(self, revision: str) -> None:
        super().__init__(
            _l("The way back from %(revision)s is not written: it would lose data.", revision=revision),
            remedy=_l("Restore the backup made before it: `flask hospital restore CODE`. Nothing was changed."),
        )


class MigrationFailed(Conflict):
    """A migration that stopped in one hospital; what it had begun was rolled back."""

    title = _l("The migration failed")

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(
            _l("%(code)s was not migrated: %(reason)s", code=code, reason=reason),
            remedy=_l("It serves as before, at its old revision. Mend the cause and take the work up again."),
        )


class MigrationUnderWay(OperationTaken):
    """Somebody migrates the fleet just now."""

    title = _l("The hospitals are being upgraded already")
    default_message = _l("A fleet migration waits or runs at the moment; there is one at a time.")
    remedy = _l("Follow it on its page, or with `flask platform follow OPERATION`.")


class SomeNotMigrated(Conflict):
    """A fleet migration that left some hospitals out."""

    title = _l("Some hospitals were not upgraded")

    def __init__(self, done: int, failed: int, named: str) -> None:
        self.done, self.failed = done, failed
        super().__init__(
            _l("%(done)d upgraded, %(failed)d not: %(named)s", done=done, failed=failed, named=named),
            remedy=_l(
                "They serve as before, at their old revision. Mend the cause, clear the quarantine"
                " (`flask fleet quarantine clear CODE`) and take the work up again."
            ),
        )


class MigrationStopped(SomeNotMigrated):
    """A fleet migration that did not go on because too many hospitals failed."""

    title = _l("The upgrade was stopped: too many hospitals failed")
    # The same figures and remedy; the title says that the rest was not tried.


class NotQuarantined(Conflict):
    default_message = _l("This hospital is not in quarantine.")


class NotMigratable(Conflict):
    default_message = _l("This hospital has no database that could be migrated.")


class NoBackups(Conflict):
    default_message = _l("This installation makes no backups, so none can be made before the migration.")


class RehearsalFailed(Conflict):
    """A migration that failed on a copy: the hospital itself was not touched."""

    title = _l("The rehearsal failed")

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(
            _l("On a copy of %(code)s: %(reason)s", code=code, reason=reason),
            remedy=_l("The hospital was not touched and the copy is dropped. Mend the cause before you upgrade."),
        )
