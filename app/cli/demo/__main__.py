"""`python -m app.cli.demo`: the codes that the authenticator apps of the demo accounts would show now."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.cli.demo.accounts import current_codes


def main() -> int:
    """Print one account and its code a line; return 1 where nothing was set up yet."""
    path = Path(os.environ.get("VAR_DIR", "var")) / "demo.json"
    if not path.exists():
        print(f"{path} is not there yet. Run `make run` first.", file=sys.stderr)
        return 1
    for account, code in current_codes(path):
        print(f"{code}  {account}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
