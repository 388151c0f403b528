"""What a check of isolation can find, and how that is said; stored as codes and names, put into words when shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.core.i18n import _l

WORDS: Mapping[str, Any] = {
    "connect": _l("The credentials of %(subject)s may connect to the database “%(object)s”."),
    "connected": _l("The credentials of %(subject)s did connect to the database “%(object)s”."),
    "own_refused": _l("The credentials of %(subject)s do not open its own database, so that nothing could be tried."),
    "member": _l("The credentials of %(subject)s have the rights of %(object)s."),
    "attribute": _l("The role of %(subject)s has a right that no hospital's role may have: %(object)s."),
    "no_limit": _l("The role of %(subject)s has no limit to its connections."),
    "create": _l(
        "The credentials of %(subject)s may create in, or make temporary tables in, the database “%(object)s”."
    ),
    "schema": _l("%(subject)s may create in the schema %(object)s."),
    "default_privileges": _l("In the database of %(subject)s, new objects are opened to others: %(object)s."),
    "table": _l("In the database of %(subject)s, a table is open to everybody or to one login: %(object)s."),
    "definer": _l("In the database of %(subject)s, a function runs with its owner's rights: %(object)s."),
    "extension": _l("The database of %(subject)s has an extension that reaches out of it: %(object)s."),
    "unreached": _l("%(subject)s could not be looked at: %(object)s."),
    "no_password": _l("The server %(subject)s let %(object)s in with a wrong password."),
    "no_role": _l("The role of %(subject)s does not exist on its server."),
}
REMEDIES: Mapping[str, Any] = {
    "connect": _l("Revoke CONNECT on that database from the role, or from PUBLIC."),
    "connected": _l("Revoke CONNECT on that database from the role, or from PUBLIC, and look at pg_hba.conf."),
    "own_refused": _l("Rotate the hospital's credentials."),
    "member": _l("Revoke the membership."),
    "attribute": _l("Take it away with ALTER ROLE, then look for what was done with it."),
    "no_limit": _l("Rotate the hospital's credentials: the new role has one."),
    "create": _l("Revoke TEMP and CREATE on that database from the role, or from PUBLIC."),
    "schema": _l("Revoke CREATE on the schema."),
    "default_privileges": _l("Take them back with ALTER DEFAULT PRIVILEGES."),
    "table": _l("Revoke the grant; privileges belong to vien_app and its like only."),
    "definer": _l("Drop the function unless a migration made it."),
    "extension": _l("Drop the extension."),
    "unreached": _l("Bring it back, then check again."),
    "no_password": _l("Have pg_hba.conf ask for scram-sha-256 everywhere, and reload it."),
    "no_role": _l("Rotate the hospital's credentials."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One hole: what kind, whose, and into what; named by hospitals' codes wherever there is one."""

    kind: str
    server: str
    subject: str
    object: str

    def as_row(self) -> dict[str, str]:
        """Return it as it is stored."""
        return asdict(self)

    def words(self) -> str:
        """Say it in the reader's language."""
        return str(WORDS[self.kind]) % {"subject": self.subject, "object": self.object}

    def remedy(self) -> str:
        """Say what to do."""
        return str(REMEDIES[self.kind])


def stored_findings(document: Mapping[str, Any]) -> list[Finding]:
    """Read findings back from a row."""
    return [Finding(**entry) for entry in document.get("findings", [])]
