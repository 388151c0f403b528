"""Every module that declares a kind of long work, imported once so that all kinds are known whoever asks first."""

from app.tenancy import making
from app.tenancy.credentials import isolation, keys, rekeying, rotation
from app.tenancy.ending import abandoning, archiving, deleting, exit_kits
from app.tenancy.moving import moving
from app.tenancy.upgrading import rehearsing, running, single

__all__ = [
    "drilling",
    "abandoning",
    "archiving",
    "backing_up",
    "deleting",
    "importing",
    "drilling",
    "exit_kits",
    "isolation",
    "keys",
    "making",
    "rehearsing",
    "rekeying",
    "restoring",
    "rotation",
    "running",
    "single",
]
