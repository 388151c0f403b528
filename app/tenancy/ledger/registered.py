"""Every module that declares a kind of long work, imported once so that all kinds are known whoever asks first."""

from app.tenancy import making
from app.tenancy.credentials import isolation, keys, rekeying, rotation
from app.tenancy.upgrading import running, single

__all__ = ["isolation", "keys", "making", "rekeying", "rotation", "running", "single"]
