"""The unit of work around every view: it commits what succeeded, inside the reach of the error pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response

from app.core.access_mode import is_read_only
from app.core.db import db
from app.core.errors import VienError
from app.core.row_scope import current_row_scope
from app.domain.audit.operations import keep_looks


def init_units(app: Flask) -> None:
    """Commit after a view that answered below 400; roll back after any other, but for who has looked at whom."""
    dispatch: Callable[[], Any] = app.dispatch_request

    def dispatch_in_unit() -> Response:
        try:
            response = app.make_response(dispatch())
            if response.status_code >= 400:
                _roll_back(response.status_code)
            elif is_read_only() and current_row_scope() is None:
                db.session.flush()  # nothing to commit; a change made by mistake is refused here
            else:
                db.session.commit()
        except VienError as error:
            _roll_back(error.status)
            raise
        except BaseException:
            db.session.rollback()
            raise
        return response

    app.dispatch_request = dispatch_in_unit  # type: ignore[method-assign]


def _roll_back(status: int) -> None:
    """Undo what was begun. A page that says what is wrong may show a patient all the same: the look stays on record."""
    db.session.rollback()
    if status < 500:
        keep_looks()
