"""The session key, which encrypts SecureStrings (MS-PSRP 3.1.5.4.3 and 3.1.5.4.4)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import struct
import threading
import typing as t
import uuid
from dataclasses import dataclass, field

from ..model.sessions import Shell
from ..wsman.client import LEAST_WAIT, WSManClient
from ..wsman.soap import improper
from .clixml import Document
from .fragments import Defragmenter, whole_fragment
from .message import clixml_of, messages_in

try:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7
    from pypsrp.messages import Destination, Message, MessageType, PublicKey
    from pypsrp.serializer import Serializer
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# How CryptoAPI wraps keys (MS-PSRP 2.2.2.3 and 2.2.2.4). A public one: PUBLICKEYBLOB, version 2, CALG_RSA_KEYX, "RSA1",
# bits, exponent, modulus. What comes before a sealed one: SIMPLEBLOB, version 2, CALG_AES_256, CALG_RSA_KEYX.
_PUBLIC_BLOB = struct.Struct("<BBxxI4sII256s")
_PUBLIC_BLOB_HEADER = (0x06, 0x02, 0xA400, b"RSA1", 2048)
_SIMPLE_BLOB_HEADER_BYTES = 12
_AES_KEY_BYTES = 32


@dataclass(frozen=True)
class SessionKey:
    """A key that client and server of a session share."""

    key: bytes = field(repr=False)

    def encrypt(self, text: str) -> str:
        """Return text as the content of an SS element (MS-PSRP 2.2.5.1.24)."""
        padder = PKCS7(algorithms.AES.block_size).padder()
        padded = padder.update(text.encode("utf-16-le", "surrogatepass")) + padder.finalize()
        encryptor = Cipher(algorithms.AES(self.key), modes.CBC(bytes(16))).encryptor()
        return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")


def exchange(client: WSManClient, shell: Shell, deadline: float) -> SessionKey:
    """Ask the server of a session for a key.

    All other messages on the shell's output stream are dropped until the answer arrives.

    Args:
        deadline: In seconds of the world's clock.

    Raises:
        TransportError: The server refused, could not be reached, or gave no key before the deadline.
    """
    private_key = _send_public_key(client, shell, deadline)
    defragmenter = Defragmenter()
    while True:
        for kind, data in messages_in(defragmenter, client.receive(shell, deadline)):
            if kind != MessageType.ENCRYPTED_SESSION_KEY:
                continue
            try:
                key = _session_key(data, private_key)
            except ValueError as error:
                raise improper(f"the answer has PSRP data that cannot be read ({error})") from error
            if key is not None:
                return SessionKey(key)


def answer_request(client: WSManClient, shell: Shell, deadline: float) -> bool:
    """Send a public key if the server of a session waits for one (MS-PSRP 2.2.2.5).

    By MS-PSRP a server may wait for a key if a command returns a SecureString and no key was exchanged before.
    PowerShell only asks clients of protocol 2.1, which had no disconnected sessions. For other clients it creates a key
    itself. Nothing is ever decrypted here. All other messages on the shell's output stream are dropped.

    Args:
        deadline: In seconds of the world's clock.

    Returns:
        Whether the server waited for a key.

    Raises:
        TransportError: The server refused, or could not be reached.
    """
    defragmenter = Defragmenter()
    while streams := client.receive(shell, deadline, LEAST_WAIT):
        if any(kind == MessageType.PUBLIC_KEY_REQUEST for kind, _data in messages_in(defragmenter, streams)):
            _send_public_key(client, shell, deadline)
            return True
    return False


def _send_public_key(client: WSManClient, shell: Shell, deadline: float) -> rsa.RSAPrivateKey:
    """Send the public half of a key pair, and return the other."""
    private_key = _KEY_PAIRS.lend(shell.shell_id)
    body = PublicKey(base64.b64encode(_public_key(private_key)).decode("ascii"))
    request = Message(Destination.SERVER, str(uuid.UUID(shell.shell_id)), None, body, Serializer()).pack()
    # The clock is higher than the message numbers of any earlier client.
    client.send(shell, None, whole_fragment(client.world.microseconds(), request), deadline)
    return private_key


class _KeyPairs:
    """Key pairs of this process. Creating a pair takes as long as many requests, so sessions share pairs.

    No session gets the same pair twice. A late answer to an earlier exchange in the session must not be decrypted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pair: rsa.RSAPrivateKey | None = None
        self._users: set[str] = set()

    def lend(self, shell_id: str) -> rsa.RSAPrivateKey:
        """Return a key pair that was not used in this session before."""
        with self._lock:
            if self._pair is None or shell_id.upper() in self._users:
                self._pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
                self._users.clear()
            self._users.add(shell_id.upper())
            return self._pair


_KEY_PAIRS = _KeyPairs()


def _public_key(private_key: rsa.RSAPrivateKey) -> bytes:
    """Return the public half of a key pair in the form a server reads (MS-PSRP 2.2.2.3)."""
    numbers = private_key.public_key().public_numbers()
    return _PUBLIC_BLOB.pack(*_PUBLIC_BLOB_HEADER, numbers.e, numbers.n.to_bytes(256, "little"))


def _session_key(message: bytes, private_key: rsa.RSAPrivateKey) -> bytes | None:
    """Return the key in an ENCRYPTED_SESSION_KEY message (MS-PSRP 2.2.2.4), or None without a key for this client."""
    document = Document(clixml_of(message))
    data: t.Any = document.plain(document.root)
    text = data.get("EncryptedSessionKey") if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise ValueError("an ENCRYPTED_SESSION_KEY message has no key")
    sealed = base64.b64decode(text)[_SIMPLE_BLOB_HEADER_BYTES:]
    try:
        key = private_key.decrypt(sealed[::-1], padding.PKCS1v15())
    except ValueError:
        return None
    # A key that was encrypted for an earlier client cannot be decrypted, or gives other bytes.
    return key if len(key) == _AES_KEY_BYTES else None
