"""`Keyring`: encryption with the deployment's keys, `kernel.keys`; the first encrypts, all of them decrypt.

Each configured key is only derived from (HKDF-SHA256, RFC 5869), for each plugin's column and use apart. A value is
boxed by AES-256-GCM (NIST SP 800-38D) with a random nonce, bound to the plugin, the column and the row: a box that is
moved elsewhere does not open. A box is: 1 byte of version, 4 bytes that name the key, 12 bytes of nonce, the ciphertext
and 16 bytes of tag. A blind index is an HMAC-SHA256 of the value: equal values of a column have equal indexes, and
nothing else is to be learned from them without the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from serai.declarations import EncryptedColumn
from serai.errors import PluginError, SeraiError, Unavailable

VERSION = b"\x01"
ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD = len(VERSION) + ID_BYTES + _NONCE_BYTES


class KeyMissing(Unavailable):
    """Something was encrypted with a key that is not configured."""

    slug = "key-missing"
    title = "A key is not configured"


class DoesNotOpen(SeraiError):
    """A box was changed, or belongs to another row or column."""


class Keyring:
    """The configured keys. Safe to share: it holds no state but what it has derived."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises `SeraiError` where there is no key, or one twice."""
        if not keys:
            raise SeraiError("There is no key to encrypt with", hint="set kernel.keys")
        self._keys = {_id_of(key): key for key in keys}
        if len(self._keys) < len(keys):
            raise SeraiError("kernel.keys holds a key twice", hint="each key once; the first one encrypts")
        self.ids = tuple(self._keys)
        """The keys' ids, 4 bytes each: derived from the keys, so that nobody has to name them."""
        self._cipher = cache(self._make_cipher)
        self._index_key = cache(self._make_index_key)

    @property
    def first(self) -> bytes:
        """The id of the key that encrypts."""
        return self.ids[0]

    def encrypt(self, plugin: str, column: EncryptedColumn, row: Sequence[Any], value: str) -> bytes:
        """The value in a box for that row of that column."""
        nonce = os.urandom(_NONCE_BYTES)
        name = f"{plugin}.{column.name}"
        sealed = self._cipher(self.first, name).encrypt(nonce, value.encode(), _bound_to(name, row))
        return VERSION + self.first + nonce + sealed

    def decrypt(self, plugin: str, column: EncryptedColumn, row: Sequence[Any], box: bytes) -> str:
        """The value in the box of that row. Raises `KeyMissing`, `DoesNotOpen`."""
        name = f"{plugin}.{column.name}"
        if len(box) < _HEAD + _TAG_BYTES or box[:1] != VERSION:
            raise DoesNotOpen(f"{name} holds something that was not encrypted here", hint="was it written by hand?")
        key_id, nonce = box[1 : 1 + ID_BYTES], box[1 + ID_BYTES : _HEAD]
        if key_id not in self._keys:
            raise missing(name, key_id)
        try:
            return self._cipher(key_id, name).decrypt(nonce, box[_HEAD:], _bound_to(name, row)).decode()
        except InvalidTag:
            raise DoesNotOpen(
                f"{name} holds a value that does not open", hint="it was changed, or moved there from another row"
            ) from None

    def indexes(self, plugin: str, column: EncryptedColumn, value: str) -> list[bytes]:
        """The blind indexes of a value under each key, the first key's first: 32 bytes each."""
        name = f"{plugin}.{column.name}"
        return [hmac_digest(self._index_key(key_id, name), value.encode(), sha256) for key_id in self.ids]

    def derive(self, plugin: str, purpose: str) -> bytes:
        """32 bytes for a purpose of the plugin's own, another one after the first key has changed."""
        return _derived(self._keys[self.first], f"serai derived 1\0{plugin}\0{purpose}")

    def of(self, plugin: str, columns: Iterable[EncryptedColumn]) -> PluginKeys:
        """The keyring for a plugin that declares these columns."""
        return PluginKeys(self, plugin, columns)

    def _make_cipher(self, key_id: bytes, name: str) -> AESGCM:
        return AESGCM(_derived(self._keys[key_id], f"serai encrypt 1\0{name}"))

    def _make_index_key(self, key_id: bytes, name: str) -> bytes:
        return _derived(self._keys[key_id], f"serai index 1\0{name}")


class PluginKeys:
    """`ctx.keys`: the keyring for one plugin, which encrypts what it declares and nothing else."""

    def __init__(self, keyring: Keyring, plugin: str, columns: Iterable[EncryptedColumn]) -> None:
        self._keyring = keyring
        self._plugin = plugin
        self._columns = frozenset(columns)

    def encrypt(self, column: EncryptedColumn, row: Sequence[Any], value: str) -> bytes:
        self._check(column, row)
        return self._keyring.encrypt(self._plugin, column, row, value)

    def decrypt(self, column: EncryptedColumn, row: Sequence[Any], box: bytes) -> str:
        self._check(column, row)
        return self._keyring.decrypt(self._plugin, column, row, box)

    def index(self, column: EncryptedColumn, value: str) -> bytes:
        return self.indexes(column, value)[0]

    def indexes(self, column: EncryptedColumn, value: str) -> list[bytes]:
        self._check(column, column.row)
        return self._keyring.indexes(self._plugin, column, value)

    def derive(self, purpose: str) -> bytes:
        return self._keyring.derive(self._plugin, purpose)

    def _check(self, column: EncryptedColumn, row: Sequence[Any]) -> None:
        if column not in self._columns:
            raise PluginError(
                f"{self._plugin} encrypts {column.name}, which it does not declare",
                hint="List the column in PluginInfo.encrypted.",
            )
        if len(row) != len(column.row):
            raise PluginError(
                f"{self._plugin} names a row of {column.name} by {len(row)} values, expected {', '.join(column.row)}"
            )


def missing(name: str, key_id: bytes) -> KeyMissing:
    """What is said where something needs a key that is not configured."""
    return KeyMissing(
        f"{name} holds values encrypted with the key {key_id.hex()}, which is not in kernel.keys",
        hint="put that key back into kernel.keys, after the first one; `serai keys status` shows all of them",
    )


def _id_of(key: bytes) -> bytes:
    return _derived(key, "serai key id 1")[:ID_BYTES]


def _derived(key: bytes, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(key)


def _bound_to(name: str, row: Sequence[Any]) -> bytes:
    return msgspec.json.encode([name, *row])
