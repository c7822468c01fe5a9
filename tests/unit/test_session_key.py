# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exchange of a session key with another implementation as the server, and what becomes of SecureStrings."""

from __future__ import annotations

import base64
import os
import struct
import uuid
import xml.etree.ElementTree as ET
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from psrpcore import (
    PSRemotingCrypto,
    PSRPPayload,
    PublicKeyEvent,
    ServerRunspacePool,
    StreamType,
)
from psrpcore.types import PSCredential, PSSecureString, PublicKeyRequest, deserialize

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    ParameterBindingError,
    TransportError,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import session_key, starting
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.session_key import SessionKey
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from tests.simulator.pipeline import statements_of
from tests.unit.builders import SHELL_ID, shell, world

SECRET = "pässwörd-\N{KEY}"
DEADLINE = 12.5
COMMAND_ID = "7d9ee1c2-0000-0000-0000-000000000001"
SEALED, STATE, HOST_CALL, UNHEARD_OF = 0x00010006, 0x00021005, 0x00021100, 0x000210FF
FRAGMENT_HEADER_BYTES, MESSAGE_HEADER_BYTES = 21, 40
STATE_XML = '<Obj RefId="0"><MS><I32 N="RunspaceState">2</I32></MS></Obj>'


def fragment(object_id: int, kind: int, clixml: str) -> bytes:
    data = struct.pack("<II", 1, kind) + uuid.UUID(SHELL_ID).bytes_le + bytes(16) + clixml.encode()
    return struct.pack(">QQBI", object_id, 0, 3, len(data)) + data


def sealed(text: str) -> str:
    return f'<Obj RefId="0"><MS><S N="EncryptedSessionKey">{text}</S></MS></Obj>'


def sealed_for(public_key: rsa.RSAPublicKey, key: bytes) -> str:
    return sealed(base64.b64encode(bytes(12) + public_key.encrypt(key, padding.PKCS1v15())[::-1]).decode())


class Server:
    """A server of psrpcore's behind the operations of the client.

    Attributes:
        first: What its output stream has before anything else, one answer each.
        is_silent: It gives no key.
    """

    def __init__(self, *first: bytes) -> None:
        self.pool = ServerRunspacePool()
        self.sent: list[tuple[str | None, str]] = []
        self.deadlines: set[float] = set()
        self.started = b""
        self.first = list(first)
        self.is_silent = False
        self.payload_bytes = 100_000
        self.world = world()

    def send(self, _shell: Any, command_id: str | None, data: bytes, deadline: float, stream: str = "stdin") -> None:
        self.sent.append((command_id, stream))
        self.deadlines.add(deadline)
        self.pool.receive_data(PSRPPayload(data, StreamType.default, None))
        assert isinstance(self.pool.next_event(), PublicKeyEvent)

    def receive(self, _shell: Any, deadline: float, wait: float | None = None) -> list[bytes]:
        self.deadlines.add(deadline)
        if self.first:
            return [self.first.pop(0)]
        if wait is not None and self.is_silent:
            return []
        payload = None if self.is_silent else self.pool.data_to_send()
        if payload is None:
            raise TransportError(None, "the deadline is over")
        # Their ids begin at 1, and ids only ever grow.
        return [struct.pack(">Q", 100) + payload.data[8:]]

    def start_command(self, _shell: Any, _command_id: str, _line: str, arguments: bytes, _deadline: float) -> None:
        self.started = arguments

    @property
    def cipher(self) -> PSRemotingCrypto:
        return self.pool._cipher


def exchange(server: Server) -> SessionKey:
    return session_key.exchange(cast(WSManClient, server), shell(), DEADLINE)


@pytest.mark.parametrize("text", ["", "a", "x" * 8, SECRET, "line\nline\0", "\ud83d"], ids=ascii)
def test_another_implementation_decrypts_what_was_encrypted(text: str) -> None:
    server = Server()
    assert server.cipher.decrypt(exchange(server).encrypt(text)) == text


def test_the_exchange_is_one_of_the_shell_and_bounded() -> None:
    server = Server()
    exchange(server)
    assert server.sent == [(None, "stdin")]
    assert server.deadlines == {DEADLINE}


def test_what_else_comes_is_passed_over() -> None:
    server = Server(
        struct.pack(">QQBI", 1, 3, 2, 4) + b"tail",
        fragment(2, STATE, STATE_XML) + fragment(3, UNHEARD_OF, "not even CLIXML"),
        fragment(4, HOST_CALL, "<Obj/>"),
    )
    assert server.cipher.decrypt(exchange(server).encrypt(SECRET)) == SECRET


@pytest.mark.parametrize(("bits", "octets"), [(1024, 32), (None, 16)], ids=["another's", "too short"])
def test_a_key_that_is_not_for_us_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, bits: int | None, octets: int
) -> None:
    """A client before us asked for one and left. (A key of 1024 bits: with 2048 there is a small chance of a fit.)"""
    ours = rsa.generate_private_key(65537, 2048)
    theirs = rsa.generate_private_key(65537, bits) if bits else ours
    monkeypatch.setattr(rsa, "generate_private_key", lambda **_size: ours)
    server = Server(fragment(5, SEALED, sealed_for(theirs.public_key(), os.urandom(octets))))
    assert server.cipher.decrypt(exchange(server).encrypt(SECRET)) == SECRET


def test_a_key_that_never_comes() -> None:
    server = Server()
    server.is_silent = True
    with pytest.raises(TransportError, match="deadline"):
        exchange(server)


@pytest.mark.parametrize(
    "answer",
    [
        fragment(1, SEALED, "<Obj"),
        fragment(1, SEALED, "<S>text</S>"),
        fragment(1, SEALED, sealed("abc")),
        fragment(1, SEALED, '<Obj RefId="0"><MS/></Obj>'),
        struct.pack(">QQBI", 1, 0, 3, 8) + bytes(8),
        b"not fragments",
    ],
    ids=["no XML", "text", "no Base64", "no key", "no header", "no fragments"],
)
def test_an_answer_that_is_none(answer: bytes) -> None:
    with pytest.raises(TransportError, match="PSRP data that cannot be read"):
        exchange(Server(answer))


def test_a_key_shows_nothing_of_itself() -> None:
    key = exchange(Server())
    assert repr(key) == "SessionKey()"
    assert exchange(Server()).encrypt(SECRET) != key.encrypt(SECRET)


# A server that asks for a key


def answered(server: Server) -> bool:
    return session_key.answer_request(cast(WSManClient, server), shell(), DEADLINE)


def test_a_server_that_asks_gets_a_key_and_can_encrypt() -> None:
    server = Server(fragment(1, STATE, STATE_XML) + fragment(2, HOST_CALL, STATE_XML), fragment(3, UNHEARD_OF, "?"))
    server.pool.prepare_message(PublicKeyRequest())
    assert answered(server)
    assert server.sent == [(None, "stdin")]
    assert server.cipher.decrypt(server.cipher.encrypt(SECRET)) == SECRET  # it has a key now
    assert server.deadlines == {DEADLINE}


@pytest.mark.parametrize("first", [(), (fragment(1, STATE, STATE_XML), fragment(2, SEALED, sealed("AAAA")))])
def test_a_server_that_does_not_ask_gets_nothing(first: tuple[bytes, ...]) -> None:
    server = Server(*first)
    server.is_silent = True
    assert not answered(server)
    assert server.sent == []


def test_what_comes_instead_of_a_request_may_be_anything() -> None:
    with pytest.raises(TransportError, match="PSRP data that cannot be read"):
        answered(Server(b"not fragments"))


# Starting a script


def started(script: Script, server: Server | None = None) -> Server:
    server = server or Server()
    starting.start(cast(WSManClient, server), shell(), COMMAND_ID, script, lambda request: request(DEADLINE))
    return server


def test_a_script_gets_secure_strings_among_its_parameters() -> None:
    script = Script(
        "param($Name, $Password)",
        parameters={"Name": "x"},
        sensitive_parameters={"Password": SECRET, "Account": Credential("ACME\\me", SECRET)},
    )
    server = started(script)
    clixml = server.started[FRAGMENT_HEADER_BYTES + MESSAGE_HEADER_BYTES :]
    received: Any = deserialize(ET.fromstring(clixml), server.cipher)
    ((command,),) = statements_of(received)
    name, password, account = command.Args
    assert (name.N, name.V, password.N, account.N) == ("Name", "x", "Password", "Account")
    assert isinstance(password.V, PSSecureString)
    assert password.V.decrypt() == SECRET
    assert isinstance(account.V, PSCredential)
    assert (account.V.UserName, account.V.Password.decrypt()) == ("ACME\\me", SECRET)


def test_without_sensitive_parameters_no_key_is_exchanged() -> None:
    assert started(Script("Get-Date", parameters={"Name": "x"})).sent == []


def test_nothing_is_started_without_a_key() -> None:
    server = Server()
    server.is_silent = True
    with pytest.raises(TransportError):
        started(Script("x", sensitive_parameters={"Password": SECRET}), server)
    assert server.started == b""


# Options of a task


class Vaulted:
    """As ansible-core before 2.19 has text from an inline vault."""

    __ENCRYPTED__ = True

    def __str__(self) -> str:
        return SECRET


def request(**options: Any) -> Request:
    return Request.from_options({"computer_name": ["srv01"], "name": "job", "script": "x", **options}, cmdlets.INVOKE)


@pytest.mark.parametrize("value", [SECRET, Vaulted()], ids=["text", "vaulted"])
def test_options_become_sensitive_parameters(value: object) -> None:
    made = request(
        sensitive_parameters=[
            {"name": "Password", "value": value, "username": None},
            {"name": "Account", "username": "me", "password": value},
        ]
    )
    assert made.run.script is not None
    assert made.run.script.sensitive_parameters == {"Password": SECRET, "Account": Credential("me", SECRET)}
    assert "Password" not in repr(made)
    assert SECRET not in repr(made)


@pytest.mark.parametrize("value", [1234, True, 1.5, [SECRET], {"x": SECRET}], ids=repr)
@pytest.mark.parametrize("of", ["value", "username", "password"])
def test_what_is_no_text_is_refused_without_being_shown(value: object, of: str) -> None:
    entry = {"value": value} if of == "value" else {"username": "me", "password": SECRET, of: value}
    with pytest.raises(ParameterBindingError, match=f"sensitive_parameters: Pin: {of} is not text") as refused:
        request(sensitive_parameters=[{"name": "Pin", **entry}])
    assert str(value) not in str(refused.value)
    assert refused.value.target is None


@pytest.mark.parametrize(
    "given", [[], ["username"], ["password"], ["value", "username"], ["value", "username", "password"]]
)
def test_a_sensitive_parameter_is_a_text_or_a_credential(given: list[str]) -> None:
    with pytest.raises(ParameterBindingError, match=r"Pin needs either value, .* or username and password") as refused:
        request(sensitive_parameters=[{"name": "Pin", **dict.fromkeys(given, SECRET)}])
    assert SECRET not in str(refused.value)


def test_a_credential_has_a_user_name() -> None:
    with pytest.raises(ParameterBindingError, match=r"sensitive_parameters: Pin\.username is empty"):
        request(sensitive_parameters=[{"name": "Pin", "username": "", "password": SECRET}])


def test_a_parameter_has_one_value() -> None:
    secret = {"name": "Password", "value": SECRET}
    with pytest.raises(ParameterBindingError, match="Password is in parameters and in sensitive_parameters"):
        request(parameters={"password": "x"}, sensitive_parameters=[secret])
    with pytest.raises(ParameterBindingError, match="sensitive_parameters: password is there twice"):
        request(sensitive_parameters=[secret, {**secret, "name": "password"}])


def test_sessions_share_a_key_pair_but_none_gets_it_twice() -> None:
    pairs = session_key._KeyPairs()
    first = pairs.lend(SHELL_ID)
    assert pairs.lend(str(uuid.uuid4())) is first
    second = pairs.lend(SHELL_ID.lower())
    assert second is not first
    assert pairs.lend(str(uuid.uuid4())) is second
