"""The administrative address: workers and commands have one, web processes never do."""

from __future__ import annotations

from typing import cast

from flask import current_app

from app.config import Settings
from app.core.crypto import Keyring
from app.core.errors import Unavailable
from app.core.i18n import _l
from app.tenancy.cluster import Cluster


class NoAdministrativeAddress(Unavailable):
    """This process was not given the right to make databases."""

    default_message = _l("This process may not make databases: DATABASE_ADMIN_URL is not set.")
    remedy = _l("Set DATABASE_ADMIN_URL to a role that may create databases and roles, and start it again.")


def administered_cluster() -> Cluster:
    """Return the server on which databases are made; raises NoAdministrativeAddress."""
    settings: Settings = current_app.extensions["settings"]
    if settings.database_admin_url is None:
        raise NoAdministrativeAddress
    return Cluster(settings.database_admin_url)


def platform_keyring() -> Keyring:
    """Return the keys under which databases' passwords are sealed."""
    return cast(Keyring, current_app.extensions["keyring"])
