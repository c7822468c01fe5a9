# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a request goes and with which settings: explicit options, then the inventory, then the cmdlet's defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import (
    Endpoint,
    Proxy,
    Tls,
    key_of_uri,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import SessionReference
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import (
    Credential,
    HostSettings,
    SessionOption,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import LogonOptions, Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target.endpoint import (
    endpoint_of_reference,
    endpoints,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target.logon import unusable

SECRET = "pass:w@rd/ü"
ID = "1a2b3c4d-0000-0000-0000-123456789abc"


def host_settings(settings: dict[str, Any] | None) -> HostSettings | None:
    return HostSettings.from_options(settings) if settings else None


def one(settings: dict[str, Any] | None = None, **options: Any) -> Endpoint:
    if "connection_uri" not in options:
        options.setdefault("computer_name", ["srv01"])
    (found,) = endpoints(Request.from_options(options), lambda _computer, _host: host_settings(settings))
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
    "name", ["http://h", "two words", "user@h", "srv01:5985", "[::1", "rack1/srv01", "srv01?x", "100%", "srv01#2"]
)
def test_only_a_name_that_serves_as_address_has_to_be_one(name: str) -> None:
    """One computer cannot be asked then; where the inventory has an address, its name is just a key."""
    refused = unusable(one(computer_name=[name]))
    assert refused is not None
    assert refused.message == f"{name!r} is not a computer name; for an address with more use connection_uri"
    of_inventory = unusable(one({"inventory_hostname": name, "computer_name": name}, computer_name=[name]))
    assert of_inventory is not None
    assert of_inventory.message == f"{name!r} is not a computer name; set ansible_host in the inventory"
    found = one({"address": "10.0.0.1"}, computer_name=[name])
    assert (found.uri, found.computer_name, found.settings.problem) == ("http://10.0.0.1:5985/wsman", name, None)


@pytest.mark.parametrize("name", ["user@h", "h/../x", "h?x", "h#x", "h\\x"])
def test_a_name_that_cannot_be_an_address_leads_nowhere(name: str) -> None:
    """Nothing asks it, and if something did, no other host would be meant."""
    reference = SessionReference(ID, name)
    request = Request.from_options({"session": [{"instance_id": ID, "computer_name": name}]})
    for endpoint in (one(computer_name=[name]), endpoint_of_reference(reference, request, lambda _name, _host: None)):
        assert unusable(endpoint) is not None
        assert endpoint.uri.startswith(f"http://h%{ord(name.strip('userh')[0]):02X}") or "%40h:" in endpoint.uri


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
    "message_encryption": "never",
    "verify_certificate": False,
    "ca_cert": "/ca.pem",
    "connection_timeout": 3.0,
    "operation_timeout": 4.0,
    "read_timeout": 50.0,
    "reconnection_retries": 4,
    "reconnection_backoff": 0.5,
    "max_envelope_size": 200000,
    "proxy": "http://proxy:3128",
}


def test_the_inventory_comes_before_defaults() -> None:
    found = one(INVENTORY)
    assert found.uri == "https://10.0.0.1:15986/app"
    assert (found.computer_name, found.inventory_hostname) == ("srv01", "win1")
    assert found.logon.credential == Credential("inventory-user", SECRET)
    assert (found.logon.scheme, found.logon.message_encryption, found.encrypts_messages) == ("basic", "never", False)
    assert found.tls == Tls(check_authority=False, check_name=False, check_revocation=False)
    assert found.settings.ca_cert == "/ca.pem"
    assert (found.settings.connection_timeout, found.settings.operation_timeout, found.settings.read_timeout) == (
        3.0,
        4.0,
        50.0,
    )
    assert found.answer_timeout == 50.0
    assert (found.settings.reconnection_retries, found.settings.reconnection_backoff) == (4, 0.5)
    assert found.settings.max_envelope_size == 200000
    assert found.proxy == Proxy("http://proxy:3128")


def test_an_explicit_option_comes_before_the_inventory() -> None:
    found = one(
        INVENTORY,
        port=1,
        use_ssl=True,
        application_name="mine",
        credential={"username": "me", "password": "x"},
        ca_cert="/mine.pem",
        session_option={
            "operation_timeout": 9,
            "no_encryption": False,
            "skip_ca_check": False,
            "skip_cn_check": True,
            "skip_revocation_check": False,
            "proxy": "http://mine",
        },
    )
    assert found.uri == "https://10.0.0.1:1/mine"
    assert found.logon.credential == Credential("me", "x")
    assert (found.settings.operation_timeout, found.logon.message_encryption) == (9.0, "auto")
    assert found.tls == Tls(check_authority=True, check_name=False, check_revocation=True)
    assert found.settings.ca_cert == "/mine.pem"
    assert found.proxy == Proxy("http://mine")
    # A time-out given for the task is not stretched by the inventory's.
    assert (found.settings.read_timeout, found.answer_timeout) == (None, 11.0)


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
    assert found == Endpoint("srv01", "http://srv01:5985/wsman")
    assert (found.logon.credential, found.inventory_hostname, found.proxy) == (None, None, Proxy(None))
    assert (found.logon.scheme, found.logon.library, found.encrypts_messages) == ("negotiate", "psrp", True)
    assert found.tls == Tls(check_authority=True, check_name=True, check_revocation=True)
    assert (found.option.open_timeout, found.operation_timeout, found.longest_poll) == (180, 180, 20)
    assert (found.maximum_redirection, found.settings.reconnection_retries) == (0, 0)
    assert found.answer_timeout > found.operation_timeout


@pytest.mark.parametrize("suboption", ["skip_ca_check", "skip_cn_check", "skip_revocation_check"])
@pytest.mark.parametrize("verify_certificate", [None, True, False])
@pytest.mark.parametrize("skip", [None, True, False])
def test_each_check_of_certificates_is_switched_alone(
    suboption: str, verify_certificate: bool | None, skip: bool | None
) -> None:
    found = one({"verify_certificate": verify_certificate}, session_option={suboption: skip}).tls
    check = {"skip_ca_check": "check_authority", "skip_cn_check": "check_name"}.get(suboption, "check_revocation")
    others = {"check_authority", "check_name", "check_revocation"} - {check}
    assert getattr(found, check) is (not skip if skip is not None else verify_certificate is not False)
    assert {getattr(found, other) for other in others} == {verify_certificate is not False}


@pytest.mark.parametrize(
    ("allow", "given", "limit"),
    [
        (True, None, 5),
        (True, 2, 2),
        (True, 0, 0),
        (True, -1, 2147483647),
        (False, 2, 0),
        (None, None, 0),
        (None, -1, 0),
    ],
)
def test_redirections_are_followed_with_consent_only(allow: bool | None, given: int | None, limit: int) -> None:
    found = one(connection_uri=["http://h"], allow_redirection=allow, session_option={"maximum_redirection": given})
    assert found.maximum_redirection == limit


LOGON = {"username": "proxy-user", "password": "proxy-pw"}


@pytest.mark.parametrize(
    ("settings", "option", "meant"),
    [
        ({}, {}, Proxy()),
        ({"proxy": "http://i"}, {}, Proxy("http://i")),
        ({"proxy": "http://i"}, {"proxy": "http://t"}, Proxy("http://t")),
        ({"proxy": "http://i"}, {"proxy_access_type": "no_proxy_server"}, Proxy("http://i", bypass=True)),
        ({"ignore_proxy": True}, {}, Proxy(bypass=True)),
        # It is about the environment only: a proxy that is named is used.
        ({"ignore_proxy": True, "proxy": "http://i"}, {}, Proxy("http://i")),
        ({"ignore_proxy": True}, {"proxy_access_type": "none"}, Proxy(bypass=True)),
        ({"ignore_proxy": True}, {"proxy_access_type": "win_http_config"}, Proxy()),
        ({"ignore_proxy": False}, {"proxy_access_type": "no_proxy_server"}, Proxy(bypass=True)),
        (
            {},
            {"proxy": "http://t", "proxy_credential": LOGON},
            Proxy("http://t", Credential("proxy-user", "proxy-pw")),
        ),
        (
            {},
            {"proxy_access_type": "auto_detect", "proxy_credential": LOGON},
            Proxy(None, Credential("proxy-user", "proxy-pw")),
        ),
    ],
)
def test_proxy(settings: dict[str, Any], option: dict[str, Any], meant: Proxy) -> None:
    assert one(settings, session_option=option).proxy == meant


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


def test_the_same_place_named_twice_is_there_twice() -> None:
    request = Request.from_options({"computer_name": ["b", "a", "b"]})
    assert [each.computer_name for each in endpoints(request, lambda *_: None)] == ["b", "a", "b"]


@pytest.mark.parametrize("settings", [{}, INVENTORY], ids=["explicit", "inventory"])
def test_no_representation_shows_the_password(settings: dict[str, Any]) -> None:
    found = one(settings) if settings else one(credential={"username": "u", "password": SECRET})
    assert found.logon.credential is not None
    assert found.logon.credential.password == SECRET
    assert SECRET not in repr(found) + repr(found.logon.credential) + str(found)


def test_no_representation_shows_the_password_of_a_proxy_or_a_key() -> None:
    option = {"proxy": "http://p", "proxy_credential": {"username": "u", "password": SECRET}}
    found = one(certificate_pem="/user.pem", certificate_key_password=SECRET, session_option=option)
    assert found.logon.certificate is not None
    assert found.proxy.credential is not None
    assert found.logon.certificate.password == found.proxy.credential.password == SECRET
    assert SECRET not in repr(found)


def reference(**fields: Any) -> SessionReference:
    return SessionReference(**{"instance_id": ID, "computer_name": "srv01", **fields})


def test_a_remembered_address_is_used_when_the_inventory_knows_nothing() -> None:
    request = Request.from_options({"name": ["x"]})
    uri = "https://srv01.example.com:15986/app"
    found = endpoint_of_reference(reference(connection_uri=uri), request, lambda *_: None)
    assert (found.uri, found.computer_name) == (uri, "srv01")


def test_the_present_inventory_beats_a_remembered_address() -> None:
    request = Request.from_options({"name": ["x"]})
    asked: list[tuple[str, str | None]] = []

    def settings_of(computer_name: str, inventory_hostname: str | None) -> HostSettings:
        asked.append((computer_name, inventory_hostname))
        return HostSettings(address="10.9.9.9", inventory_hostname="win1")

    remembered = reference(connection_uri="http://old:5985/wsman", inventory_hostname="win1")
    found = endpoint_of_reference(remembered, request, settings_of)
    assert found.uri == "http://10.9.9.9:5985/wsman"
    assert asked == [("srv01", "win1")]


def test_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterBindingError, match="endpoints: prot cannot be set"):
        one({"prot": 5985})


def test_settings_survive_the_way_to_another_host() -> None:
    settings = HostSettings.from_options(INVENTORY)
    assert HostSettings.from_options(settings.as_options()) == settings
    assert None not in settings.as_options().values()


def test_a_bad_setting_is_refused_with_the_name_of_its_computer() -> None:
    with pytest.raises(ParameterBindingError, match=r"settings of win1: endpoints\.read_timeout: -1 is negative"):
        one({"inventory_hostname": "win1", "read_timeout": -1})


def test_options_win_over_settings_of_the_same_name() -> None:
    known = HostSettings.from_options(INVENTORY)
    settings = known.overridden_by(LogonOptions(ca_cert="/mine.pem"), SessionOption(proxy="http://mine"))
    assert settings == dataclasses.replace(known, ca_cert="/mine.pem", proxy="http://mine")


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("HTTP://Web1:5985/WSMan", "http://web1:5985/WSMan"),
        ("http://web1.:5985/wsman", "http://web1:5985/wsman"),
        ("http://web1.corp.example.:5985/wsman", "http://web1.corp.example:5985/wsman"),
        ("http://[FE80:0::0001]:5985/wsman", "http://[fe80::1]:5985/wsman"),
        ("http://[fe80::1%eth0]:5985/wsman", "http://[fe80::1%eth0]:5985/wsman"),
        ("", ""),
    ],
)
def test_spellings_of_one_address_have_one_key(spelling: str, key: str) -> None:
    assert key_of_uri(spelling) == key


def test_the_inventory_knows_a_computer_with_a_dot_behind_its_name() -> None:
    request = Request.from_options({"computer_name": ["srv01.", "other."]})
    known = HostSettings.from_options({"address": "10.0.0.5", "inventory_hostname": "srv01"})
    found = endpoints(request, lambda name, _host: known if name == "srv01" else None)
    assert [each.uri for each in found] == ["http://10.0.0.5:5985/wsman", "http://other.:5985/wsman"]
