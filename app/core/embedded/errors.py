"""The one error of the embedded services: a sentence for the person at the terminal, with a way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from pathlib import Path

NO_SPACE_WORDS = ("No space left on device", "Disk quota exceeded")


class EmbeddedError(Exception):
    """The embedded PostgreSQL or Valkey cannot serve; the text says why and what to do."""


class AlreadyRunningError(EmbeddedError):
    """Another process runs the services of this folder."""


def no_space(folder: Path) -> EmbeddedError:
    """Say that the disk is full, where, and what to do."""
    return EmbeddedError(
        f"No space is left on the disk that holds {folder}. Free some space (about 300 MB are needed) "
        f"and run the same command again; nothing that was saved is lost."
    )


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses below a folder into a clear sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            raise no_space(folder) from error
        if error.errno in (EACCES, EPERM, EROFS):
            raise EmbeddedError(
                f"{error.filename or folder} cannot be written ({error.strerror}). Was an earlier run "
                f"another user's, root's perhaps? Run as that user, or remove {folder} and start over."
            ) from error
        raise
