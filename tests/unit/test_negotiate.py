# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Negotiate: which word of those that a server offers a log-on goes on with."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import cast

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.answers import Answer
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.connection import Connection
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.negotiate import Negotiate
from tests.unit.builders import endpoint, logon


class Refusing:
    """A connection to a server that refuses all, and offers some words.

    Attributes:
        words: Those of the requests that it got.
    """

    host = "srv01"
    certificate = None
    number = 1

    def __init__(self, *offered: str) -> None:
        self.words: list[str] = []
        self._headers = http.client.HTTPMessage()
        for word in offered:
            self._headers["WWW-Authenticate"] = word

    def open(self) -> None:
        pass

    def exchange(self, _body: bytes, headers: Mapping[str, str]) -> Answer:
        self.words.append(headers["Authorization"].partition(" ")[0])
        return Answer(401, self._headers, b"")


@pytest.mark.parametrize(
    ("scheme", "offered", "words"),
    [
        ("ntlm", ["Negotiate"], ["Negotiate"]),
        ("ntlm", ["NTLM"], ["Negotiate", "NTLM"]),
        ("ntlm", ["Negotiate", "NTLM"], ["Negotiate"]),
        ("ntlm", ["Kerberos", "NTLM"], ["Negotiate", "NTLM"]),
        ("ntlm", ["Kerberos"], ["Negotiate"]),
        ("ntlm", ["Basic"], ["Negotiate"]),
        ("negotiate", ["NTLM"], ["Negotiate", "NTLM"]),
    ],
)
def test_a_log_on_goes_on_with_what_it_can_be(scheme: str, offered: list[str], words: list[str]) -> None:
    at = endpoint(logon=logon(scheme=scheme, credential=Credential("LAB\\svc", "secret-pw")))
    connection = Refusing(*offered)
    answer = Negotiate(at, None).send(cast(Connection, connection), b"", {})
    assert (answer.status, connection.words) == (401, words)
