"""The forms of documents: a file with what it is, a further version, a reason."""

from __future__ import annotations

from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from app.core.i18n import _l
from app.domain.documents.models import DocumentKind
from app.domain.documents.rules import Facts
from app.hospital.document_words import KINDS
from app.web.forms import Form

FILE = _l("File (PDF, PNG or JPEG)")


class DocumentForm(Form):
    """A new document."""

    file = FileField(FILE)
    title = StringField(_l("What is it?"))
    kind = SelectField(
        _l("Kind"),
        choices=[SelectChoice(kind.value, label) for kind, label in KINDS.items()],
        default=DocumentKind.OTHER.value,
    )
    note = TextAreaField(_l("Remark"))
    shared = BooleanField(_l("The patient may read it in the patient portal"))

    def facts(self) -> Facts:
        """Return what was said of the document."""
        return Facts(DocumentKind(self.kind.data), self.title.data or "", self.note.data or "", bool(self.shared.data))


class AttachmentForm(Form):
    """A file that belongs to a test."""

    file = FileField(FILE)
    title = StringField(_l("What is it?"))

    def facts(self, test: str) -> Facts:
        """Return what was said of it; without a title it is called like the test."""
        return Facts(DocumentKind.LAB_RESULT, self.title.data or test)


class VersionForm(Form):
    """A further version of a document; `version` is the state that the person saw."""

    file = FileField(FILE)
    note = StringField(_l("What is new in it?"))
    version = HiddenField()


class DeleteForm(Form):
    """Why a document is deleted."""

    reason = StringField(_l("Reason"))
    version = HiddenField()


class ShareForm(Form):
    """The state of the document that the person saw, and whether the patient may read it from now on."""

    version = HiddenField()
    shared = HiddenField()
