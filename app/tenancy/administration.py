"""The administrative addresses: workers and commands have them, web processes never do."""

from __future__ import annotations

from typing import cast

from flask import current_app

from app.config import Settings
from app.core.crypto import Keyring
from app.core.errors import Unavailable
from app.core.i18n import _l
from app.tenancy.cluster import Cluster
from app.tenancy.models import DatabaseCluster

MAIN = "env:DATABASE_ADMIN_URL"
FURTHER = "env:CLUSTER_ADMIN_URLS#"


class NoAdministrativeAddress(Unavailable):
    """This process was not given the right to make databases there."""

    default_message = _l("This process may not make databases: DATABASE_ADMIN_URL is not set.")
    remedy = _l("Set DATABASE_ADMIN_URL to a role that may create databases and roles, and start it again.")


def administered_cluster() -> Cluster:
    """Return the main server, where the central database is; raises NoAdministrativeAddress."""
    settings: Settings = current_app.extensions["settings"]
    if settings.database_admin_url is None:
        raise NoAdministrativeAddress
    return Cluster(settings.database_admin_url)


def administer(place: DatabaseCluster) -> Cluster:
    """Return a registered server with the right to make databases there; raises NoAdministrativeAddress."""
    if place.admin_credential == MAIN:
        return administered_cluster()
    settings: Settings = current_app.extensions["settings"]
    name = place.admin_credential.removeprefix(FURTHER)
    address = settings.cluster_admin_urls.get(name)
    if address is None:
        raise NoAdministrativeAddress(
            _l("This process has no administrative address of the database server %(name)s.", name=name),
            remedy=_l("Add it to CLUSTER_ADMIN_URLS of workers and commands, and start them again."),
        )
    return Cluster(address)


def platform_keyring() -> Keyring:
    """Return the keys under which databases' passwords are sealed."""
    return cast(Keyring, current_app.extensions["keyring"])
