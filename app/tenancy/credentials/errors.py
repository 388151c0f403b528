"""What can go wrong with credentials and keys, and what to do then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from app.core.errors import Conflict, InvalidValue, Unavailable
from app.core.i18n import _l
from app.tenancy.cluster_errors import ClusterError

MOST_NAMED = 5


class ServerAway(Unavailable):
    """A database server does not take the administrator's connection."""

    title = _l("A database server does not answer")

    def __init__(self, name: str) -> None:
        super().__init__(
            _l("The database server %(name)s does not answer, or refuses the administrative address.", name=name),
            remedy=_l("Bring it back or correct the administrative address, then retry. Nothing was changed there."),
        )


class NothingToRotate(Conflict):
    default_message = _l("This hospital has no database whose credentials could be replaced.")


class NewLoginRefused(Unavailable):
    """The new role was made, but its own connection was refused; the old one stays in use."""

    title = _l("The new credentials are not accepted")
    default_message = _l("The database refused a connection with the new credentials. The old ones stay in use.")
    remedy = _l("Check pg_hba.conf, and the pooler's list of roles where there is one; then retry.")


class LoginOwnsThings(Conflict):
    """A role that was replaced owns something, which no role of a hospital should."""

    def __init__(self, role: str) -> None:
        super().__init__(
            _l("The role %(role)s owns something in a database, so it was closed but not dropped.", role=role),
            remedy=_l("See what it owns (pg_shdepend), give that to vien_owner, and it is dropped by itself."),
        )


class SomeFailed(Conflict):
    """Work over many hospitals that left some out; the same work taken up again does only those."""

    def __init__(self, done: int, failed: Mapping[str, str]) -> None:
        self.done, self.failed = done, dict(failed)
        named = "; ".join(f"{code}: {why}" for code, why in list(failed.items())[:MOST_NAMED])
        super().__init__(
            _l(
                "Done for %(done)d, not for %(count)d: %(named)s",
                done=done,
                count=len(failed),
                named=named + (" …" if len(failed) > MOST_NAMED else ""),
            ),
            remedy=_l("Mend the cause and take the work up again: it does only what is left."),
        )


class Unreadable(Conflict):
    """Sealed values that no key of this process opens."""

    def __init__(self, count: int) -> None:
        super().__init__(
            _l("%(count)d values are under a key that is not in VIEN_KEYS, or were altered.", count=count),
            remedy=_l("Add the old key to VIEN_KEYS again, behind the active one, and take the work up again."),
        )


class WorkUnderWay(Conflict):
    """Something that makes databases and roles is going on, so that what looks orphaned may be its own."""

    default_message = _l("Other work is going on that makes databases and roles; what looks orphaned may belong to it.")
    remedy = _l("Wait until no operation waits or runs (flask platform operations), then try again.")


class NotAnOrphan(InvalidValue):
    default_message = _l("This name is not among the orphans.")


@contextmanager
def reaching(server: str) -> Iterator[None]:
    """Name the server in the error when its administrative connection fails and nothing better is known."""
    try:
        yield
    except ClusterError:
        raise
    except psycopg.OperationalError as error:
        raise ServerAway(server) from error
