"""Every module that declares a kind of long work, imported once so that all kinds are known whoever asks first."""

from app.tenancy import making
from app.tenancy.backups import backing_up
from app.tenancy.credentials import isolation, keys, rekeying, rotation
from app.tenancy.ending import abandoning, archiving, deleting, exit_kits
from app.tenancy.moving import moving
from app.tenancy.restores import drilling, importing, restoring
from app.tenancy.upgrading import rehearsing, running, single

__all__ = [
    "abandoning",
    "archiving",
    "backing_up",
    "deleting",
    "drilling",
    "exit_kits",
    "importing",
    "isolation",
    "keys",
    "making",
    "moving",
    "rehearsing",
    "rekeying",
    "restoring",
    "rotation",
    "running",
    "single",
]
