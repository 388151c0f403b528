"""What can be in the way of a move: each says the cause and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.core.errors import Conflict, Unavailable, VienError
from app.core.i18n import _l

MOST_NAMED = 5


class MoveRefused(Conflict):
    """What a move needs is not there. Nothing was changed."""

    title = _l("The hospital cannot be moved there")


class SameCluster(MoveRefused):
    default_message = _l("The hospital's database is on this server already.")
    remedy = _l("Name another server with --to; see `flask platform clusters`.")


class NothingToMove(MoveRefused):
    default_message = _l("This hospital has no database that could be moved.")
    remedy = _l("Finish making it first, or choose another hospital.")


class NoRoomThere(MoveRefused):
    default_message = _l("The server takes no more hospitals.")
    remedy = _l("Raise its capacity with `flask platform change-cluster`, or name another server.")


class NoDiskThere(MoveRefused):
    def __init__(self, needed_mb: int, left_mb: int) -> None:
        super().__init__(
            _l("The database has %(needed)s MB; the server has room for %(left)s MB.", needed=needed_mb, left=left_mb),
            remedy=_l("Add disk there and raise --capacity-gb, or name another server. Nothing was changed."),
        )


class TargetOlder(MoveRefused):
    def __init__(self, source: int, target: int) -> None:
        super().__init__(
            _l(
                "The server runs PostgreSQL %(target)s; the database comes from %(source)s.",
                target=target,
                source=source,
            ),
            remedy=_l("Move to a server of the same version or a newer one. Nothing was changed."),
        )


class ExtensionsMissing(MoveRefused):
    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            _l("The server lacks PostgreSQL extensions: %(names)s.", names=", ".join(names)),
            remedy=_l("Install them there (package postgresql-contrib), then try again. Nothing was changed."),
        )


class OtherEncoding(MoveRefused):
    def __init__(self, found: str) -> None:
        super().__init__(
            _l("The server's databases are in %(found)s instead of UTF8.", found=found),
            remedy=_l("Make that server's cluster anew with --encoding=UTF8. Nothing was changed."),
        )


class WalLevelTooLow(MoveRefused):
    def __init__(self, address: str, found: str) -> None:
        super().__init__(
            _l(
                "The server %(address)s has wal_level=%(found)s; replication needs logical.",
                address=address,
                found=found,
            ),
            remedy=_l("Set wal_level = logical there and restart it, or move by dump: --method dump."),
        )


class ReplicationNotPermitted(MoveRefused):
    def __init__(self, address: str) -> None:
        super().__init__(
            _l("The administrative role may not replicate on %(address)s.", address=address),
            remedy=_l("Let a superuser administer that server for the move, or move by dump: --method dump."),
        )


class NoFreeSlot(MoveRefused):
    def __init__(self, address: str, setting: str) -> None:
        super().__init__(
            _l("The server %(address)s has nothing left of %(setting)s.", address=address, setting=setting),
            remedy=_l("Raise it there and restart, end what uses it, or move by dump: --method dump."),
        )


class NotReplicable(MoveRefused):
    def __init__(self, what: Iterable[str]) -> None:
        super().__init__(
            _l("Replication cannot carry over: %(what)s.", what=", ".join(list(what)[:MOST_NAMED])),
            remedy=_l("Give the tables a primary key, or move by dump: --method dump."),
        )


class SourceNotReached(Unavailable):
    """The new server cannot sign in at the old one."""

    title = _l("The new server does not reach the old one")

    def __init__(self, address: str, said: str) -> None:
        super().__init__(
            _l("The new server cannot connect to %(address)s: %(said)s", address=address, said=said),
            remedy=_l("Open the way between them (firewall, pg_hba.conf), or move by dump: --method dump."),
        )


class ReplicationStopped(Unavailable):
    """The copy does not get on."""

    title = _l("The replication does not get on")

    def __init__(self, why: str) -> None:
        super().__init__(
            _l("The replication stopped: %(why)s", why=why),
            remedy=_l(
                "The hospital serves from its old database. See both servers' logs, then take the work up again."
            ),
        )


class CopyDiffers(VienError):
    """What stands on the new server is not what stands on the old one."""

    title = _l("The copy differs from the database")

    def __init__(self, mismatches: Mapping[str, str]) -> None:
        self.mismatches = dict(mismatches)
        named = "; ".join(f"{table}: {why}" for table, why in list(self.mismatches.items())[:MOST_NAMED])
        super().__init__(
            _l("The copy differs: %(named)s", named=named),
            remedy=_l("The hospital serves from its old database. Take the work up again: it copies anew."),
        )


class DumpFailed(Unavailable):
    title = _l("The database could not be copied")

    def __init__(self, said: str) -> None:
        super().__init__(
            _l("pg_dump stopped: %(said)s", said=said),
            remedy=_l("The hospital serves from its old database. Mend what it says and take the work up again."),
        )
