"""Looking messages up fast: a page asks for hundreds, and Flask-Babel finds locale and catalogue anew for each one.

Here they are found once per request and language. Which language that is stays Flask-Babel's business.
"""

from __future__ import annotations

from typing import Any

import flask_babel
from flask import Flask, g
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from app.core.i18n import translate_with


def init_translating(app: Flask) -> None:
    """Have code and templates look messages up here; Flask-Babel must have been set up before."""
    translate_with(translate)
    app.jinja_env.globals.update(_=_in_template, gettext=_in_template)


def translate(message: str) -> str:
    """Return a message in the present language; the message itself where nothing is known of a language."""
    try:
        known = g._get_current_object().__dict__  # one look through the proxy, which costs as much as the catalogue
    except RuntimeError:
        return str(flask_babel.gettext(message))
    state, found = known.get("_flask_babel"), known.get("catalogue")
    if state is None or found is None or found[0] is not getattr(state, "babel_locale", None):
        found = g.catalogue = (flask_babel.get_locale(), flask_babel.get_translations())
    return str(found[1].ugettext(message))


@pass_eval_context
def _in_template(context: EvalContext, message: str, /, **variables: Any) -> str:
    """What Jinja's own new-style gettext does: variables are escaped, %% is a per cent sign."""
    text = translate(message)
    if context.autoescape:
        text = Markup(text)  # noqa: S704  # nosec B704
    return text % variables if variables or "%" in text else text
