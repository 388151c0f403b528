"""What can go wrong between a request and its hospital's database."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unavailable
from app.core.i18n import _l


class UnknownHospital(NotFound):
    title = _l("Hospital not found")
    default_message = _l("There is no hospital at this address.")
    remedy = _l("Check the address that your hospital gave you.")


class HospitalNotReady(Unavailable):
    title = _l("This hospital is being set up")
    default_message = _l("The hospital's database is being made. This takes a few seconds.")


class HospitalPaused(Unavailable):
    """The hospital's database is being exchanged: a matter of seconds."""

    title = _l("This hospital is being moved or restored")
    default_message = _l("The hospital's database is being exchanged. This takes a few seconds.")
    remedy = _l("Please try again in a moment. Nothing that was confirmed is lost.")
    retry_after = 5


class HospitalSuspended(Unavailable):
    title = _l("This hospital is suspended")
    default_message = _l("Access to this hospital is suspended for the time being. Its data is kept untouched.")
    remedy = _l("Please contact the hospital, or the operator of the platform.")
    retry_after = 3600


class HospitalBehind(Unavailable):
    """The hospital's schema is older than the running code serves."""

    title = _l("This hospital is being upgraded")
    default_message = _l("The hospital's database is being prepared for the new version.")
    remedy = _l("Please try again in a few minutes. Nothing that was confirmed is lost.")
    retry_after = 60


class FeatureBehind(Unavailable):
    """A page needs what comes with a revision that this hospital does not have yet."""

    title = _l("This page comes with an upgrade")
    default_message = _l("This hospital has not been upgraded for this page yet. Everything else works as before.")
    remedy = _l("Please try again later, or ask the operator of the platform.")
    retry_after = 600


class HospitalArchived(HospitalSuspended):
    """Kept, but out of service for good, or for long."""

    status = 410
    title = _l("This hospital no longer works here")
    default_message = _l("This hospital has ended its work on this platform. Its records are kept in the archive.")
    remedy = _l("For records and questions please contact the hospital itself, or the operator of the platform.")
    retry_after = 0


class HospitalUnavailable(Unavailable):
    title = _l("This hospital cannot be reached")
    default_message = _l("The hospital's database does not answer at the moment. Other hospitals are not affected.")


class RegistryUnavailable(Unavailable):
    default_message = _l("The register of hospitals does not answer at the moment.")


class HospitalExists(Conflict):
    title = _l("This code is taken")
    default_message = _l("There is already a hospital with this code.")


class HospitalBusy(Conflict):
    title = _l("Somebody else is working on this hospital")
    default_message = _l("Another command or worker is changing this hospital at the moment.")
    remedy = _l("Wait until it is done, then try again.")


class NoHospitalBound(RuntimeError):
    """Something asked for a hospital's data outside `bind_hospital`."""


class HospitalAlreadyBound(RuntimeError):
    """A unit of work that belongs to one hospital tried to bind another."""


class WrongDatabase(RuntimeError):
    """A database says that it belongs to somebody else; nothing is served from it."""
