# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a request goes and how it logs on: explicit options, then the inventory, then the cmdlet's defaults."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.endpoint import (
    endpoint_of_reference,
    endpoints,
    unusable,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.errors import Code, ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import (
    Credential,
    Endpoint,
    SessionReference,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request import Request
from tests.unit.builders import endpoint as sample

SECRET = "pass:w@rd/ü"
ID = "1a2b3c4d-0000-0000-0000-123456789abc"


def one(settings: dict[str, Any] | None = None, **options: Any) -> Endpoint:
    if "connection_uri" not in options:
        options.setdefault("computer_name", ["srv01"])
    (found,) = endpoints(Request.from_options(options), lambda _computer, _host: settings or {})
    return found


@pytest.mark.parametrize(
    ("options", "uri"),
    [
        ({}, "http://srv01:5985/wsman"),
        ({"use_ssl": True}, "https://srv01:5986/wsman"),
        ({"use_ssl": True, "port": 443}, "https://srv01:443/wsman"),
        ({"port": 65535}, "http://srv01:65535/wsman"),
        ({"application_name": "foo"}, "http://srv01:5985/foo"),
        ({"application_name": "/foo/bar"}, "http://srv01:5985/foo/bar"),
        ({"computer_name": ["."]}, "http://localhost:5985/wsman"),
        ({"computer_name": ["fe80::1"]}, "http://[fe80::1]:5985/wsman"),
        ({"computer_name": ["[::1]"]}, "http://[::1]:5985/wsman"),
        ({"connection_uri": ["http://h"]}, "http://h:80/wsman"),
        ({"connection_uri": ["https://h/"]}, "https://h:443/wsman"),
        ({"connection_uri": ["https://h:5986/other"]}, "https://h:5986/other"),
        ({"connection_uri": ["HTTP://h/x?PSVersion=7"]}, "http://h:80/x?PSVersion=7"),
        ({"connection_uri": ["http://[::1]:5985/wsman#part"]}, "http://[::1]:5985/wsman"),
    ],
)
def test_address(options: dict[str, Any], uri: str) -> None:
    assert one(**options).uri == uri


@pytest.mark.parametrize(
    ("uri", "computer_name", "port", "application_name"),
    [("http://h", "h", 80, "wsman"), ("https://[::1]:5986/a/b", "::1", 5986, "a/b")],
)
def test_what_results_show_of_it(uri: str, computer_name: str, port: int, application_name: str) -> None:
    found = one(connection_uri=[uri])
    assert (found.computer_name, found.port, found.application_name) == (computer_name, port, application_name)
    assert found.use_ssl is uri.startswith("https")


INVENTORY = {
    "inventory_hostname": "win1",
    "address": "10.0.0.1",
    "port": 15986,
    "use_ssl": True,
    "application_name": "app",
    "authentication": "basic",
    "username": "inventory-user",
    "password": SECRET,
    "no_encryption": True,
    "verify_certificate": False,
    "ca_cert": "/ca.pem",
    "connection_timeout": 3.0,
    "operation_timeout": 4.0,
    "read_timeout": 50.0,
    "proxy": "http://proxy:3128",
}


def test_the_inventory_comes_before_defaults() -> None:
    found = one(INVENTORY)
    assert found.uri == "https://10.0.0.1:15986/app"
    assert (found.computer_name, found.inventory_hostname) == ("srv01", "win1")
    assert found.credential == Credential("inventory-user", SECRET)
    assert (found.authentication, found.verify_certificate, found.ca_cert) == ("basic", False, "/ca.pem")
    assert (found.connection_timeout, found.option.operation_timeout, found.read_timeout) == (3.0, 4.0, 50.0)
    assert found.answer_timeout == 50.0
    assert found.option.no_encryption
    assert found.proxy == "http://proxy:3128"


def test_an_explicit_option_comes_before_the_inventory() -> None:
    found = one(
        INVENTORY,
        port=1,
        use_ssl=True,
        application_name="mine",
        credential={"username": "me", "password": "x"},
        session_option={"operation_timeout": 9000, "no_encryption": False},
    )
    assert found.uri == "https://10.0.0.1:1/mine"
    assert found.credential == Credential("me", "x")
    assert (found.option.operation_timeout, found.option.no_encryption) == (9.0, False)
    # A time-out given for the task is not stretched by the inventory's.
    assert (found.read_timeout, found.answer_timeout) == (None, 11.0)


@pytest.mark.parametrize(
    ("settings", "use_ssl", "port"),
    [
        ({"port": 15985}, None, 15985),
        ({"port": 15985}, True, 5986),
        ({"port": 15986, "use_ssl": True}, False, 5985),
        ({"port": 15986, "use_ssl": True}, None, 15986),
    ],
)
def test_a_port_of_the_inventory_belongs_to_its_scheme(settings: dict[str, Any], use_ssl: bool, port: int) -> None:
    assert one(settings, use_ssl=use_ssl).port == port


def test_defaults_without_any_inventory() -> None:
    found = one()
    assert (found.credential, found.inventory_hostname, found.proxy) == (None, None, None)
    assert (found.authentication, found.verify_certificate) == ("default", True)
    assert (found.option.open_timeout, found.option.operation_timeout, found.option.no_encryption) == (180, 180, False)
    assert found.answer_timeout > found.option.operation_timeout


def test_a_user_without_a_password_is_no_credential() -> None:
    assert one({"username": "u"}).credential is None
    assert one({"username": "u", "password": ""}).credential == Credential("u", "")


@pytest.mark.parametrize("uri", ["h", "/wsman", "//h/wsman", "ftp://h", "http://", "http://h:99999/", "http://[::1"])
def test_a_uri_that_is_not_absolute_http_is_refused(uri: str) -> None:
    with pytest.raises(ParameterBindingError, match="connection_uri") as refused:
        one(connection_uri=[uri])
    assert refused.value.error_id == "ParameterArgumentValidationError"


@pytest.mark.parametrize("uri", ["http://u:hidden@h/wsman", "http://u@h", "ftp://u:hidden@h", "http://u:hidden@h:x/"])
def test_a_uri_with_a_user_in_it_is_refused_and_not_shown(uri: str) -> None:
    with pytest.raises(ParameterBindingError, match="connection_uri") as refused:
        one(connection_uri=[uri])
    assert "hidden" not in str(refused.value)


def test_the_same_place_named_twice_is_asked_once() -> None:
    request = Request.from_options({"computer_name": ["b", "a", "b"]})
    assert [each.computer_name for each in endpoints(request, lambda *_: {})] == ["b", "a"]


@pytest.mark.parametrize("settings", [{}, INVENTORY], ids=["explicit", "inventory"])
def test_no_representation_shows_the_password(settings: dict[str, Any]) -> None:
    found = one(settings) if settings else one(credential={"username": "u", "password": SECRET})
    assert found.credential is not None
    assert found.credential.password == SECRET
    assert SECRET not in repr(found) + repr(found.credential) + str(found)


def reference(**fields: Any) -> SessionReference:
    return SessionReference(**{"instance_id": ID, "computer_name": "srv01", **fields})


def test_a_remembered_address_is_used_when_the_inventory_knows_nothing() -> None:
    request = Request.from_options({"name": ["x"]})
    uri = "https://srv01.example.com:15986/app"
    found = endpoint_of_reference(reference(connection_uri=uri), request, lambda *_: {})
    assert (found.uri, found.computer_name) == (uri, "srv01")


def test_the_present_inventory_beats_a_remembered_address() -> None:
    request = Request.from_options({"name": ["x"]})
    asked: list[tuple[str, str | None]] = []

    def settings_of(computer_name: str, inventory_hostname: str | None) -> dict[str, Any]:
        asked.append((computer_name, inventory_hostname))
        return {"address": "10.9.9.9", "inventory_hostname": "win1"}

    remembered = reference(connection_uri="http://old:5985/wsman", inventory_hostname="win1")
    found = endpoint_of_reference(remembered, request, settings_of)
    assert found.uri == "http://10.9.9.9:5985/wsman"
    assert asked == [("srv01", "win1")]


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"authentication": "kerberos"}, None, "kerberos is not available yet"),
        ({}, Code.INVALID_AUTHENTICATION, "clear"),
        ({"uri": "https://h:5986/wsman", "credential": None}, Code.EXPLICIT_CREDENTIALS_REQUIRED, "user name"),
        ({"uri": "https://h:5986/wsman", "proxy": "http://u:hidden@p"}, None, "proxy"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_told_before_traffic(
    fields: dict[str, Any], code: int | None, said: str
) -> None:
    problem = unusable(sample(**{"authentication": "basic", **fields}))
    assert problem is not None
    assert (problem.code, problem.delivered) == (code, False)
    assert said in problem.message
    assert "hidden" not in problem.message


def test_basic_over_https_is_usable() -> None:
    assert unusable(sample(uri="https://h:5986/wsman", authentication="basic")) is None
