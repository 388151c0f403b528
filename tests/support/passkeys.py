"""An authenticator in software: it makes passkeys and signs as a browser would pass it on."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from tests.support.client import CheckingClient

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ORIGIN = "http://localhost"


@dataclass(slots=True)
class SoftPasskey:
    """A passkey, with what its authenticator knows of it."""

    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    party: str = "localhost"
    handle: bytes | None = None
    count: int = 0

    def made(self, options: dict[str, Any], *, origin: str = ORIGIN) -> str:
        """Return the answer to a request for a new passkey."""
        self.handle = base64url_to_bytes(options["user"]["id"])
        self.party = options["rp"]["id"]
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self._public_key()
        data = self._data(PRESENT | VERIFIED | ATTESTED) + credential
        return self._answer(
            {
                "clientDataJSON": self._client("webauthn.create", options, origin),
                "attestationObject": cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}),
            }
        )

    def shown(
        self, options: dict[str, Any], *, origin: str = ORIGIN, verified: bool = True, handle: bytes | None = None
    ) -> str:
        """Return the answer to a request for this passkey; its counter goes up."""
        self.count += 1
        client = self._client("webauthn.get", options, origin)
        data = self._data(PRESENT | (VERIFIED if verified else 0))
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        said = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._answer(said | {"userHandle": handle or self.handle or b""})

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin}).encode()

    def _public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _answer(self, response: dict[str, bytes]) -> str:
        name = bytes_to_base64url(self.id)
        encoded = {key: bytes_to_base64url(value) for key, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": encoded})


def ask(browser: CheckingClient, url: str, page: str, **fields: str) -> dict[str, Any]:
    """Return what the browser is to ask its authenticator."""
    answer = browser.post(url, data=fields, headers={"X-CSRFToken": browser.csrf_token(page)})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return dict(answer.get_json())


def add_passkey(browser: CheckingClient, portal: str, passkey: SoftPasskey, name: str = "Điện thoại") -> Any:
    """Add a passkey on the account page of who is signed in; return the answer."""
    page = f"{portal}/account/passkeys/new"
    answer = passkey.made(ask(browser, f"{portal}/account/challenge", page))
    return browser.submit(f"{portal}/account/passkeys", {"answer": answer, "name": name}, page=page)


def show_passkey(browser: CheckingClient, portal: str, passkey: SoftPasskey, **how: Any) -> Any:
    """Sign in with a passkey alone; return the answer."""
    page = f"{portal}/sign-in"
    answer = passkey.shown(ask(browser, f"{page}/challenge", page), **how)
    return browser.submit(f"{page}/passkey", {"answer": answer}, page=page)
