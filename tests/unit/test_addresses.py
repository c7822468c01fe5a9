# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user and a password are never a part of an address."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import addresses
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("http://proxy:3128", ("http://proxy:3128", None, None)),
        (" proxy:3128 ", ("proxy:3128", None, None)),
        ("socks5h://me:p%40w%3A@proxy:1080", ("socks5h://proxy:1080", "me", "p@w:")),
        ("me:pw@proxy:3128", ("proxy:3128", "me", "pw")),
        ("http://me@proxy", ("http://proxy", "me", "")),
        ("http://me:p@w@proxy", ("http://proxy", "me", "p@w")),
        ("http://me:p/w://x@[::1", ("http://[::1", "me", "p/w://x")),
        ("http://@proxy", ("http://proxy", None, "")),
    ],
)
def test_the_address_of_a_proxy_in_parts(address: str, parts: tuple[str, str | None, str | None]) -> None:
    assert addresses.split_proxy(address) == parts


@pytest.mark.parametrize(
    "address", ["https://me:secret@h/wsman", "https://secret@h:5986", "me:secret@h", "http://me:se/secret@h/wsman"]
)
def test_a_user_in_an_address_is_refused(address: str) -> None:
    with pytest.raises(ParameterBindingError) as refused:
        addresses.of_computer(address, "connection_uri")
    assert refused.value.message == "connection_uri: the address for h has a user or password in it"
    assert "credential" in refused.value.hint


@pytest.mark.parametrize(("value", "is_refused"), [("web1@dc1", False), ("::1", False), ("me:pw@web1", True)])
def test_a_password_is_no_part_of_a_computer_name(value: str, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(ParameterBindingError, match="address for web1 has a user or password"):
            addresses.of_host(value, "computer_name")
    else:
        assert addresses.of_host(value, "computer_name") == value


def test_a_query_may_have_what_looks_like_a_user() -> None:
    address = "https://outlook.example.com/powershell?email=me@example.com"
    assert addresses.of_computer(f" {address}\n", "connection_uri") == address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://proxy:3128", None),
        ("SOCKS5H://proxy", None),
        ("ftp://proxy", "its scheme is not one of http"),
        ("http://proxy:port", "host and port cannot be read"),
        ("http://", "it has no host"),
    ],
)
def test_addresses_of_proxies_that_cannot_be_used(address: str, said: str | None) -> None:
    problem = addresses.proxy_problem(address)
    assert problem is None if said is None else (problem or "").startswith(said)
