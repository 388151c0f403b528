"""What runs the hospital rather than treats patients: one page with a card for each, as far as a person may see it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from app.core.errors import Forbidden, Text
from app.core.i18n import _l
from app.core.permissions import Permission, signed_in_only
from app.hospital import hospital
from app.web.menu import declare_menu_when
from app.web.principals import Principal, find_principal
from app.web.render import render


@dataclass(frozen=True, slots=True)
class Card:
    """A way from the page of the administration to one of its subjects."""

    endpoint: str
    label: Text
    description: Text
    permission: Permission
    position: int


_cards: dict[str, Card] = {}


def declare_administration(
    endpoint: str, label: Text, description: Text, permission: Permission, position: int
) -> None:
    """Put a view on the page of the administration, for those who hold the permission."""
    _cards[endpoint] = Card(endpoint, label, description, permission, position)


def cards_for(principal: Principal | None) -> list[Card]:
    """Return the cards that somebody may see, in their order."""
    if principal is None or principal.portal != "hospital":
        return []
    shown = (card for card in _cards.values() if principal.may(card.permission.code))
    return sorted(shown, key=lambda card: (card.position, card.endpoint))


@hospital.get("/administration")
@signed_in_only
def administration() -> Response:
    """Show what of the hospital's administration this person may do."""
    cards = cards_for(find_principal())
    if not cards:
        raise Forbidden
    return render("hospital/administration/index.html", cards=cards)


def _is_within() -> bool:
    """Tell whether the present page is one of the administration's, or belongs to one."""
    here = request.endpoint or ""
    stems = (endpoint.removesuffix("_index") for endpoint in _cards)
    return here in _cards or any(here.startswith(stem + "_") for stem in stems)


declare_menu_when(
    "hospital.administration",
    _l("Administration"),
    "settings",
    lambda principal: bool(cards_for(principal)),
    95,
    is_active=_is_within,
)
