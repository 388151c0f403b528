"""What can be wrong with a restore: each says what happened and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.errors import Conflict, NotFound, Unavailable, VienError
from app.core.i18n import _l

MOST_NAMED = 5


class NoBackup(NotFound):
    title = _l("There is no such backup")
    default_message = _l("This hospital has no complete backup that fits.")
    remedy = _l("List its backups with `flask hospital backups CODE`, or make one with `flask hospital backup CODE`.")


class OtherHospital(Conflict):
    """The dump says that it is another hospital's."""

    title = _l("This is another hospital's data")
    default_message = _l("The backup belongs to another hospital. Nothing was changed.")
    remedy = _l("Choose a backup of this hospital; to take one over under a new code, import it.")


class NewerSchema(Conflict):
    """The dump was made by a newer release than this one."""

    title = _l("This backup is from a newer release")

    def __init__(self, found: str | None, newest: str) -> None:
        super().__init__(
            _l(
                "The data has the schema %(found)s; this installation knows up to %(newest)s.",
                found=found or "?",
                newest=newest,
            ),
            remedy=_l("Upgrade this installation first, then try again. Nothing was changed."),
        )


class OlderSchema(Conflict):
    """What is to be kept old is older than what the running code serves, and than what it can end and erase in it."""

    title = _l("This schema is too old to be kept")

    def __init__(self, found: str, oldest: str) -> None:
        super().__init__(
            _l(
                "The data has the schema %(found)s; the running code serves from %(oldest)s on.",
                found=found,
                oldest=oldest,
            ),
            remedy=_l("Restore it with the schema brought up to date. Nothing was changed."),
        )


class ManifestDiffers(VienError):
    """What was restored is not what the manifest says was backed up."""

    title = _l("The restored data differs from the backup's manifest")

    def __init__(self, mismatches: Mapping[str, object]) -> None:
        self.mismatches = dict(mismatches)
        named = "; ".join(f"{what}: {why}" for what, why in list(self.mismatches.items())[:MOST_NAMED])
        super().__init__(
            _l("The restored data differs from its manifest: %(named)s", named=named),
            remedy=_l("The hospital was not touched. Use another backup, and make a new one at once."),
        )


class RestoreFailed(Unavailable):
    """The tool that fills the new database stopped."""

    title = _l("The backup could not be restored")

    def __init__(self, said: str) -> None:
        super().__init__(
            _l("pg_restore stopped: %(said)s", said=said),
            remedy=_l("The hospital was not touched. Mend what it says and take the work up again."),
        )


class DiskFull(Unavailable):
    """The database server has no room for a second copy."""

    title = _l("The database server's disk is full")
    default_message = _l("The disk of the database server is full; the new database was dropped again.")
    remedy = _l("Make room there or name another server with --cluster, then take the work up again.")


class NoRoom(DiskFull):
    """What the server's register entry allows would be exceeded, so nothing is begun."""

    def __init__(self, needed_mb: int, left_mb: int) -> None:
        super().__init__(
            _l(
                "The database needs about %(needed)s MB; the server has room for %(left)s MB.",
                needed=needed_mb,
                left=left_mb,
            )
        )


class NotInService(Conflict):
    title = _l("This hospital is not in service")
    default_message = _l("Only the database of an active or suspended hospital is exchanged.")
    remedy = _l("Bring the hospital back from the archive first; one that was deleted is imported anew.")


class NothingToBringBack(NotFound):
    title = _l("There is nothing to swap back")
    default_message = _l("No earlier database of this hospital is kept any more.")
    remedy = _l("Restore a backup instead: `flask hospital restore CODE`.")


class NotADump(Conflict):
    title = _l("This is not a dump of a hospital")
    default_message = _l("This is no whole dump in pg_dump's custom format, or not of a hospital of this platform.")
    remedy = _l("Give the file that `pg_dump -Fc` or an exit kit made.")
