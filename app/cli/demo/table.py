"""The table that `make run` prints: where the demo is, and who can sign in."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from app.cli.demo.accounts import Account, hospital_urls
from app.cli.demo.cast import HOSPITALS

WIDTH = 120


def demo_table(base_url: str, accounts: Sequence[Account], *, terminal: bool | None = None) -> str:
    """Return addresses and accounts as tables; plain text where standard output is not a terminal."""
    terminal = sys.stdout.isatty() if terminal is None else terminal
    console = Console(file=io.StringIO(), force_terminal=terminal, no_color=not terminal, width=WIDTH, highlight=False)
    style = box.ROUNDED if terminal else None
    console.print(_addresses(base_url, style))
    console.print()
    console.print(_people(accounts, style))
    console.print()
    console.print("Staff and operators are asked for a code, too: make -s totp. All of this is in var/demo.json.")
    file = console.file
    return file.getvalue().rstrip() if isinstance(file, io.StringIO) else ""


def _addresses(base_url: str, style: box.Box | None) -> Table:
    table = Table("Portal", "Address", box=style, pad_edge=style is not None)
    table.add_row("Operators", f"{base_url}/admin/")
    for hospital in HOSPITALS:
        table.add_row(hospital.name, hospital_urls(base_url, hospital.code)["hospital_url"])
    table.add_row("Patients of all hospitals", f"{base_url}/patient/")
    return table


def _people(accounts: Sequence[Account], style: box.Box | None) -> Table:
    table = Table(
        "Portal", "Hospital", "Role", "Sign-in name", "Password", "Code", box=style, pad_edge=style is not None
    )
    for entry in accounts:
        code = "yes" if entry.totp_secret else ""
        table.add_row(entry.portal, entry.hospital or "", entry.role, entry.username, entry.password, code)
    return table
