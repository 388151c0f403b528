"""What can go wrong with documents."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound
from app.core.i18n import _l

SINCE = "h020"


class DocumentNotFound(NotFound):
    title = _l("Document not found")
    default_message = _l("This document is not there, or it does not belong to what you may see.")


class DocumentChanged(Conflict):
    title = _l("This document has changed")
    default_message = _l("Somebody else has changed this document since you opened it. Nothing was overwritten.")
    remedy = _l("Open the document again to see how it stands now.")
