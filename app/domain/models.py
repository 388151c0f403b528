"""Every table of the hospital history, imported once so that its metadata is whole whoever asks first."""

from app.domain.access import models as access
from app.domain.appointments import models as appointments
from app.domain.audit import models as audit
from app.domain.audit import watching as audit_watching
from app.domain.billing import models as billing
from app.domain.centre import models as centre
from app.domain.documents import models as documents
from app.domain.files import models as files
from app.domain.gateway import models as gateway
from app.domain.identity import models as identity
from app.domain.identity import proofs as identity_proofs
from app.domain.laboratory import models as laboratory
from app.domain.laboratory import telling as laboratory_telling
from app.domain.longwork import models as longwork
from app.domain.messages import models as messages
from app.domain.messages import reminding as messages_reminding
from app.domain.messages import watching as messages_watching
from app.domain.notices import models as notices
from app.domain.organisation import models as organisation
from app.domain.patients import models as patients
from app.domain.prescriptions import models as prescriptions
from app.domain.privacy import models as privacy
from app.domain.queueing import models as queueing
from app.domain.records import models as records
from app.domain.reports import models as reports
from app.domain.security import models as security
from app.domain.support import models as support
from app.domain.waiting import models as waiting

__all__ = [
    "access",
    "appointments",
    "audit",
    "audit_watching",
    "billing",
    "centre",
    "documents",
    "files",
    "gateway",
    "identity",
    "identity_proofs",
    "laboratory",
    "laboratory_telling",
    "longwork",
    "messages",
    "messages_reminding",
    "messages_watching",
    "notices",
    "organisation",
    "patients",
    "prescriptions",
    "privacy",
    "queueing",
    "records",
    "reports",
    "security",
    "support",
    "waiting",
]
