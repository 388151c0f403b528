"""A store by its address: `file:///folder` or `s3://bucket/prefix?endpoint=…&region=…`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.objects.interface import ObjectStore
from app.core.objects.local import LocalStore


def open_store(url: str) -> ObjectStore:
    """Return the store at an address; raises ValueError for one that is of neither kind."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/"):
        return LocalStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        from app.core.objects.s3 import S3Store  # boto3 takes half a second, which only its users should wait

        said = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return S3Store(parts.netloc, parts.path, endpoint=said.get("endpoint"), region=said.get("region"))
    raise ValueError("must begin with file:/// or s3://")
