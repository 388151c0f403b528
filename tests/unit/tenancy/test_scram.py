"""What the server keeps of a password is what the standard says."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from app.tenancy.scram import verifier_of

# The exchange in RFC 7677, section 3: user "user", password "pencil".
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
EXCHANGE = (
    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_it_accepts_the_proof_of_the_standards_example_and_signs_as_there() -> None:
    kind, rounds_and_salt, keys = verifier_of("pencil", rounds=4096, salt=SALT).split("$")
    assert (kind, rounds_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    client_signature = hmac.digest(stored, EXCHANGE.encode(), "sha256")
    client_key = bytes(a ^ b for a, b in zip(base64.b64decode(PROOF), client_signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored
    assert base64.b64encode(hmac.digest(server, EXCHANGE.encode(), "sha256")).decode() == SIGNATURE


def test_every_verifier_has_a_salt_of_its_own() -> None:
    assert verifier_of("same", rounds=64) != verifier_of("same", rounds=64)


def test_letters_that_would_need_saslprep_are_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        verifier_of("mật-khẩu", rounds=64)
