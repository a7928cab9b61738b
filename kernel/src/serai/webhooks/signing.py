"""Secrets and signatures of webhooks (Standard Webhooks, symmetric scheme v1)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

SECRET_BYTES = 32


def make_secret() -> str:
    """A new secret, as receivers' libraries take it: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: str, body: bytes, live_secrets: Sequence[str]) -> dict[str, str]:
    """The headers of a message sent now, signed with every live secret."""
    now = datetime.now(UTC)
    signatures = [Signer(secret).sign(message_id, now, body.decode()) for secret in live_secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "Content-Type": "application/json",
    }
