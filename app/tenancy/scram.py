"""SCRAM verifiers of random passwords (RFC 5802, RFC 7677), in the form in which PostgreSQL keeps them.

The many rounds of a password hash make guessing dear. A hospital's password is 192 random bits that no number of
guesses finds, so few rounds serve as well, and opening a connection takes a fifth of the time. The verifier is made
here, so that the password itself stands in no statement and in no log of the server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

FEW_ROUNDS = 64
USUAL_ROUNDS = 4096
SALT_BYTES = 16


def verifier_of(password: str, *, rounds: int, salt: bytes | None = None) -> str:
    """Return what the server keeps of an ASCII password; raises ValueError for another one.

    Use FEW_ROUNDS for passwords from `new_password` only, and USUAL_ROUNDS for what a person may have chosen.
    """
    if not password.isascii():
        raise ValueError("the password must be ASCII, which needs no SASLprep")
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${rounds}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
