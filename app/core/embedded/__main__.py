"""`python -m app.core.embedded reset [folder]`: remove the embedded databases and everything beside them."""

import sys
from pathlib import Path

from app.core.embedded import EmbeddedError, remove


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    match arguments:
        case ["reset"]:
            var = Path("var")
        case ["reset", folder]:
            var = Path(folder)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        remove(var)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
