"""Identifiers: time-ordered UUIDs for rows, random tokens for secrets."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """Return a new UUID version 7 (RFC 9562): it sorts by time, so that indexes grow at one end."""
    return uuid_utils.compat.uuid7()


def new_token() -> str:
    """Return 256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a random token; enough where the token has 256 bits of its own."""
    return hashlib.sha256(token.encode()).digest()


def parse_id(text: str) -> UUID | None:
    """Return the UUID written in a text, or None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
