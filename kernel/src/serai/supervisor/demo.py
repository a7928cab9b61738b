"""What a demo makes for itself: a keyring and an API key, kept in the state directory for its owner's eyes only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from serai.identity.keys import make_key


class DemoSecrets(msgspec.Struct, frozen=True):
    """The keyring's one key, and the key of the demo's client."""

    keyring_key: str
    client_key: str

    @classmethod
    def of(cls, state_dir: Path) -> DemoSecrets:
        """Read them from `STATE_DIR/demo.json`, or make them."""
        path = state_dir / "demo.json"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=cls)
        made = cls(keyring_key=secrets.token_urlsafe(48), client_key=make_key())
        # Written whole or not at all: a half-written file would lock the demo out of its own data.
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(made))
        draft.rename(path)
        return made
