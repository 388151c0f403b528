"""What can be wrong at a hospital's end: each says the cause and what to do next."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, VienError
from app.core.i18n import _l


class NotDueYet(Conflict):
    title = _l("The grace period is not over")
    default_message = _l("This hospital may not be deleted before the end of its grace period.")
    remedy = _l("Wait until then; it is deleted by itself. Until then the deletion can be taken back.")


class NoCertificate(NotFound):
    title = _l("There is no deletion certificate")
    default_message = _l("This hospital has not been deleted, so there is no certificate of it.")


class CertificateAltered(VienError):
    """The signature does not belong to the document."""

    status = 422
    title = _l("This certificate is not genuine")
    default_message = _l("The signature does not belong to this document, or another platform has signed it.")
    remedy = _l("Take the certificate from the portal or from `flask hospital certificate CODE` and compare.")


class KitDamaged(VienError):
    """Something in an exit kit is not what its manifest says."""

    status = 422
    title = _l("This exit kit is damaged")
    default_message = _l("The exit kit is not what its manifest says.")
    remedy = _l("Make another one with `flask hospital exit-kit CODE`.")

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__(_l("The exit kit is not what its manifest says: %(named)s", named="; ".join(faults[:5])))


class NoKit(NotFound):
    title = _l("This exit kit is not there any more")
    default_message = _l("Exit kits are kept for some days only, then they are removed.")
    remedy = _l("Have another one made on the hospital's lifecycle page.")
