"""What other subjects hang on the page of a consultation: orders of tests, results, documents.

A panel is declared beside its own views. It is a section of the page outside the consultation's form, so that it may
hold forms of its own; it is shown while the draft is written and when the record is read. A button of a panel that must
save the note, too, says `form="consultation"` with its `formaction`, and its view goes through `drafting.act_on_draft`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.records.queries import OpenRecord
from app.web.principals import Principal, find_principal

Load = Callable[[OpenRecord], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """One declared panel."""

    name: str
    position: int
    template: str
    load: Load
    permission: str | None
    while_writing: bool
    when_read: bool


@dataclass(frozen=True, slots=True)
class ShownPanel:
    """A panel with what it shows; its template is included with `panel` and `facts`."""

    name: str
    template: str
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        """Return the id of the panel's section, for anchors and as a target."""
        return f"panel-{self.name}"


_panels: dict[str, Panel] = {}


def declare_panel(
    name: str,
    position: int,
    template: str,
    load: Load,
    *,
    permission: str | None = None,
    while_writing: bool = True,
    when_read: bool = True,
) -> None:
    """Hang a panel on the consultation's page.

    `load` gets the opened record and returns what the template needs as `facts`, or None where nothing is to be shown.
    With a permission's code it is shown, and loaded, only for who has it. The template writes a
    `<section class="card" id="{{ panel.id }}">`; `record`, `patient` and `opened` are at hand there, too.
    """
    _panels[name] = Panel(name, position, template, load, permission, while_writing, when_read)


def panels_for(opened: OpenRecord, *, writing: bool) -> list[ShownPanel]:
    """Return the panels of a page in their order, as far as the person may see them."""
    person = find_principal()
    wanted = (panel for panel in _panels.values() if (panel.while_writing if writing else panel.when_read))
    ordered = sorted(wanted, key=lambda panel: (panel.position, panel.name))
    shown = ((panel, panel.load(opened)) for panel in ordered if _may_see(panel, person))
    return [ShownPanel(panel.name, panel.template, facts) for panel, facts in shown if facts is not None]


def _may_see(panel: Panel, person: Principal | None) -> bool:
    return panel.permission is None or (person is not None and person.may(panel.permission))
