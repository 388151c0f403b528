"""Two demo hospitals with invented people, for `make run`. Nothing here is imported by what serves production."""

from __future__ import annotations

from app.cli.demo.accounts import Account, current_codes, write_demo_json
from app.cli.demo.ensure import ensure_demo
from app.cli.demo.table import demo_table

__all__ = ["Account", "current_codes", "demo_table", "ensure_demo", "write_demo_json"]
