"""The log file of one embedded server, and what was written to it since a moment we marked."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO

MOST_BYTES = 5_000_000
LAST_LINES = 8


@dataclass(slots=True)
class Journal:
    """One log file; the one before it is kept beside it once it grows large."""

    path: Path
    start: int = 0

    def mark(self) -> None:
        """Remember where the file ends now, putting a large one aside first."""
        self.path.parent.mkdir(exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > MOST_BYTES:
            self.path.replace(self.path.with_suffix(".older.log"))
        self.start = self.path.stat().st_size if self.path.exists() else 0

    def open(self) -> IO[bytes]:
        """Open the file for a server to write to."""
        return self.path.open("ab")

    def words(self) -> str:
        """Return what was written since the mark."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read().decode(errors="replace")

    def last_words(self) -> str:
        """Return the last lines since the mark, indented for a message."""
        return "\n".join(f"  {line}" for line in self.words().splitlines()[-LAST_LINES:])
