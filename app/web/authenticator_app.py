"""What the page shows that sets an authenticator app up: a QR code, and the same key to be typed."""

from __future__ import annotations

from typing import Any

import segno

from app.domain.identity.accounts import Account
from app.domain.identity.owners import label_of
from app.domain.identity.totp import provisioning_uri
from app.web.half_signed_in import offered_secret
from app.web.passkeys import passkeys_possible, relying_party

GROUP = 4


def setting_up(account: Account) -> dict[str, Any]:
    """Return a QR code as an image's address, what it says, the key in groups, and whether a passkey could be had."""
    secret = offered_secret(account)
    address = provisioning_uri(secret, username=label_of(account), issuer=relying_party().name)
    code = segno.make(address, error="m", micro=False)
    return {
        "address": address,
        "qr": code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff"),
        "key": " ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP)),
        "passkeys": passkeys_possible(),
    }
