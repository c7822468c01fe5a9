# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Task options become a request, or an error that names the option; all without traffic."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import (
    Credential,
    SessionOption,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import (
    Request,
    throttle_limit,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import schemes

GUID = "1a2b3c4d-0000-0000-0000-123456789abc"
CREDENTIAL = {"username": "user", "password": "secret-pw"}
PREFIX = "http://schemas.microsoft.com/powershell/"


def request(**options: Any) -> Request:
    return Request.from_options({"computer_name": ["srv01"], **options})


def refusal(**options: Any) -> ParameterBindingError:
    with pytest.raises(ParameterBindingError) as refused:
        Request.from_options(options)
    return refused.value


# Durations that are refused, and how the message begins.
DURATIONS: list[tuple[dict[str, Any], str]] = [
    (
        {"session_option": {"open_timeout": 180000}},
        "session_option.open_timeout: 180000 is more than 3600 seconds. The option is in seconds, "
        "PowerShell's durations are in milliseconds: write 180 for 180000 milliseconds",
    ),
    (
        {"session_option": {"operation_timeout": 3601}},
        "session_option.operation_timeout: 3601 is more than",
    ),
    (
        {"session_option": {"cancel_timeout": 2**31}},
        "session_option.cancel_timeout: 2147483648 is more than",
    ),
    (
        {"session_option": {"idle_timeout": 86400000}},
        "session_option.idle_timeout: 86400000 is more than 2147483 seconds. The option is in seconds, "
        "PowerShell's durations are in milliseconds: write 86400 for 86400000 milliseconds",
    ),
    ({"busy_timeout": 2147484}, "busy_timeout: 2147484 is more than 2147483 seconds"),
    ({"timeout": float("inf")}, "timeout: inf is more than 2147483 seconds"),
    ({"timeout": float("nan")}, "timeout: nan is more than 2147483 seconds"),
    ({"minimum_age": 86400000}, "minimum_age: 86400000 is more than 2147483 seconds"),
    ({"expires_within": 86400000}, "expires_within: 86400000 is more than 2147483 seconds"),
    *(
        (
            options,
            f"idle_timeout: {value} is less than 60 seconds, the least idle timeout that servers accept",
        )
        for value in (-2, 0, 59)
        for options in ({"idle_timeout": value}, {"session_option": {"idle_timeout": value}})
    ),
]


@pytest.mark.parametrize(("options", "message"), DURATIONS)
def test_durations_are_in_seconds_and_have_limits(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterBindingError) as refused:
        Request.from_options({"name": ["a"], **options})
    assert message in str(refused.value)
    assert refused.value.error_id == "ParameterArgumentValidationError"


@pytest.mark.parametrize(
    ("options", "error_id", "named"),
    [
        ({"instance_id": ["foo"]}, "ParameterArgumentTransformationError", "instance_id: 'foo'"),
        ({"instance_id": [GUID, "1234"]}, "ParameterArgumentTransformationError", "instance_id: '1234'"),
        ({"computer_name": ["h"], "port": 0}, "ParameterArgumentValidationError", "port: 0"),
        ({"computer_name": ["h"], "port": 65536}, "ParameterArgumentValidationError", "port: 65536"),
        ({"computer_name": ["h"], "port": -1}, "ParameterArgumentValidationError", "port: -1"),
        ({"name": [""]}, "ParameterArgumentValidationErrorEmptyStringNotAllowed", "name has an empty value"),
        ({"name": ["a", "  "]}, "ParameterArgumentValidationErrorEmptyStringNotAllowed", "name has an empty value"),
        ({"name": []}, "ParameterArgumentValidationErrorEmptyArrayNotAllowed", "name is an empty list"),
        (
            {"computer_name": ["a"], "owner": ["[a"]},
            "ParameterArgumentValidationError",
            "owner: the wildcard pattern '[a'",
        ),
        ({"id": []}, "ParameterArgumentValidationErrorEmptyArrayNotAllowed", "id is an empty list"),
        ({"instance_id": []}, "ParameterArgumentValidationErrorEmptyArrayNotAllowed", "instance_id is an empty"),
        ({"session": []}, "ParameterArgumentValidationErrorEmptyArrayNotAllowed", "session is an empty list"),
        ({"session": [{}]}, "ParameterArgumentValidationErrorEmptyStringNotAllowed", "session has an empty value"),
        ({"session": [{"name": "x"}]}, "ParameterArgumentValidationError", "session: an entry has no instance_id"),
        ({"session": [{"instance_id": GUID}]}, "ParameterArgumentValidationError", "session: an entry has neither"),
        (
            {"session": [{"instance_id": "x", "computer_name": "h"}]},
            "ParameterArgumentTransformationError",
            "session.instance_id: 'x'",
        ),
        (
            {"computer_name": [""]},
            "ParameterArgumentValidationErrorEmptyStringNotAllowed",
            "computer_name has an empty",
        ),
        ({"connection_uri": [""]}, "ParameterArgumentValidationErrorEmptyStringNotAllowed", "connection_uri has an"),
        ({"name": ["a"], "busy_timeout": -1}, "ParameterArgumentValidationError", "busy_timeout: -1"),
        (
            {"name": ["a"], "session_option": {"open_timeout": -1}},
            "ParameterArgumentValidationError",
            "session_option.open_timeout: -1 is negative",
        ),
        *(
            (
                {"name": ["a"], "session_option": {suboption: -1}},
                "ParameterArgumentValidationError",
                f"session_option.{suboption}: -1 is not between 0 and 2147483647",
            )
            for suboption in (
                "max_connection_retry_count",
                "maximum_received_data_size_per_command",
                "maximum_received_object_size",
            )
        ),
        *(
            (
                {"name": ["a"], "session_option": {"proxy_credential": CREDENTIAL, "proxy_access_type": access}},
                "ParameterArgumentValidationError",
                "session_option.proxy_credential needs a proxy",
            )
            for access in (None, "none", "no_proxy_server")
        ),
        (
            {"name": ["a"], "credential": {"username": "", "password": "secret-pw"}},
            "ParameterArgumentValidationErrorEmptyStringNotAllowed",
            "credential.username",
        ),
        ({"name": ["a"], "id": [1]}, "AmbiguousParameterSet", "id, name"),
        ({"name": ["a"], "require_each": True}, "AmbiguousParameterSet", "require_each"),
        (
            {
                "computer_name": ["h"],
                "in_disconnected_session": True,
                "session_name": ["a"],
                "require_each": False,
            },
            "AmbiguousParameterSet",
            "require_each",
        ),
        (
            {"computer_name": ["h"], "in_disconnected_session": True, "session_name": ["a"], "id": [1]},
            "AmbiguousParameterSet",
            "id",
        ),
        ({"computer_name": ["h"], "expires_within": -1}, "ParameterArgumentValidationError", "expires_within"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(options: dict[str, Any], error_id: str, named: str) -> None:
    refused = refusal(**options)
    assert refused.error_id == error_id
    assert named in refused.message
    assert "secret-pw" not in repr(refused)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"credential": CREDENTIAL, "certificate_thumbprint": "00ff"}, "certificate_thumbprint and credential"),
        ({"authentication": "basic", "certificate_thumbprint": "00ff"}, "certificate_thumbprint and authentication"),
        (
            {"authentication": "negotiate_with_implicit_credential", "credential": CREDENTIAL},
            "authentication=negotiate_with_implicit_credential and credential",
        ),
        (
            {"certificate_pem": "/user.pem", "certificate_thumbprint": "00ff"},
            "certificate_thumbprint and certificate_pem",
        ),
    ],
)
def test_log_on_options_that_exclude_each_other(options: dict[str, Any], named: str) -> None:
    refused = refusal(computer_name=["h"], **options)
    assert (refused.error_id, refused.category) == ("ParameterBindingFailed", "WriteError")
    assert named in refused.message


@pytest.mark.parametrize("way", ["digest", "negotiate"])
def test_a_log_on_to_proxies_that_is_not_possible_is_refused(way: str) -> None:
    refused = refusal(computer_name=["h"], session_option={"proxy": "http://p", "proxy_authentication": way})
    assert (refused.error_id, refused.category) == ("NotImplemented", "NotImplemented")
    assert f"session_option.proxy_authentication={way}" in refused.message


@pytest.mark.parametrize("way", schemes.OPTIONS)
def test_every_authentication_is_understood(way: str) -> None:
    assert request(authentication=way).logon.authentication == way


@pytest.mark.parametrize("authentication", [None, "default"])
def test_a_thumbprint_goes_with_the_default_authentication_only(authentication: str | None) -> None:
    given = request(certificate_thumbprint="00ff", certificate_store="/store", authentication=authentication).logon
    assert (given.certificate_thumbprint, given.certificate_store) == ("00ff", "/store")


def test_every_option_that_says_how_is_kept_as_given() -> None:
    how = {
        "transport": "winrm",
        "certificate_pem": "/user.pem",
        "certificate_key_pem": "/user-key.pem",
        "certificate_key_password": "key-secret",
        "ca_cert": "/ca.pem",
        "server_certificate_fingerprint": "5a" * 32,
    }
    understood = request(**how).logon
    assert {name: getattr(understood, name) for name in how} == how
    assert Request.from_options({"connection_uri": ["http://h"], "allow_redirection": True}).target.allow_redirection


@pytest.mark.parametrize("written", ["5A:" * 31 + "5A", "5a" * 32, "5A " * 32, "5A5A" * 16 + "\n"])
def test_a_fingerprint_may_be_written_in_any_way(written: str) -> None:
    assert request(server_certificate_fingerprint=written).logon.server_certificate_fingerprint == "5a" * 32


@pytest.mark.parametrize(
    ("written", "complaint"),
    [("5A" * 20, "SHA-1"), ("", "64 hexadecimal"), ("5A" * 31, "64 hexadecimal"), ("XY" * 32, "64 hexadecimal")],
)
def test_a_fingerprint_that_is_none_is_refused(written: str, complaint: str) -> None:
    with pytest.raises(ParameterBindingError, match=f"server_certificate_fingerprint: .*{complaint}"):
        request(server_certificate_fingerprint=written)


# Each suboption of session_option, and what becomes of it; what is not named has its default.
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, {}),
        ({"use_utf16": None, "culture": None}, {}),
        (
            {"open_timeout": 1.5, "operation_timeout": 60, "cancel_timeout": 0.001},
            {"open_timeout": 1.5, "operation_timeout": 60.0, "cancel_timeout": 0.001},
        ),
        (
            {"operation_timeout": 3600, "idle_timeout": 2147483},
            {"operation_timeout": 3600.0, "idle_timeout": 2147483.0},
        ),
        ({"open_timeout": 0, "operation_timeout": 0, "cancel_timeout": 0}, {}),
        ({"idle_timeout": 86400}, {"idle_timeout": 86400.0}),
        ({"idle_timeout": 60}, {"idle_timeout": 60.0}),
        ({"idle_timeout": -1}, {}),
        ({"output_buffering_mode": "none"}, {}),
        ({"output_buffering_mode": "block"}, {"output_buffering_mode": "Block"}),
        ({"output_buffering_mode": "drop"}, {"output_buffering_mode": "Drop"}),
        ({"maximum_redirection": 0}, {"maximum_redirection": 0}),
        ({"maximum_redirection": -1}, {"maximum_redirection": 2**31 - 1}),
        ({"maximum_received_object_size": 0, "maximum_received_data_size_per_command": 0}, {}),
        (
            {"proxy_access_type": "ie_config", "proxy_credential": CREDENTIAL, "proxy_authentication": "basic"},
            {"proxy_access_type": "ie_config", "proxy_credential": Credential("user", "secret-pw")},
        ),
        *(
            (same, same)
            for same in (
                {"culture": "de-DE", "ui_culture": "fr-FR"},
                {"use_utf16": True, "include_port_in_spn": True},
                {"no_compression": True, "no_machine_profile": True},
                {"no_encryption": False, "skip_ca_check": False, "skip_cn_check": True, "skip_revocation_check": True},
                {"maximum_received_object_size": 1024, "maximum_received_data_size_per_command": 4096},
                {"max_connection_retry_count": 9},
                {"application_arguments": {"a": 1}},
                {"proxy": "http://p"},
            )
        ),
    ],
)
def test_session_option(given: dict[str, Any], meant: dict[str, Any]) -> None:
    assert request(session_option=given).session_option == SessionOption(**meant)


@pytest.mark.parametrize("on_missing", ["skip", "warn"])
def test_no_session_at_all_may_be_given_where_nothing_has_to_be_found(on_missing: str) -> None:
    understood = Request.from_options({"session": [], "on_missing": on_missing})
    assert (understood.query.sessions, understood.parameter_set.name) == ((), "Session")


@pytest.mark.parametrize(("given", "meant"), [(None, 32), (0, 32), (-5, 32), (1, 1), (500, 500)])
def test_throttle_limit(given: int | None, meant: int) -> None:
    assert throttle_limit(given) == meant
    assert request(throttle_limit=given).flow.throttle_limit == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, None),
        ("", f"{PREFIX}Microsoft.PowerShell"),
        ("JEARole", f"{PREFIX}JEARole"),
        (f"{PREFIX}JEARole", f"{PREFIX}JEARole"),
        ("HTTP://schemas.microsoft.com/PowerShell/jea", "HTTP://schemas.microsoft.com/PowerShell/jea"),
        ("Micro*", f"{PREFIX}Micro*"),
    ],
)
def test_configuration_name(given: str | None, meant: str | None) -> None:
    assert request(configuration_name=given).query.resource_uri == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [(".", "localhost"), (" srv01 ", "srv01"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[fe80::1]", "[fe80::1]")],
)
def test_computer_name(given: str, meant: str) -> None:
    assert Request.from_options({"computer_name": [given]}).target.computer_names == (meant,)


@pytest.mark.parametrize("given", [GUID, GUID.upper(), f"{{{GUID}}}", GUID.replace("-", "")])
def test_every_form_of_a_guid_is_the_same(given: str) -> None:
    assert Request.from_options({"instance_id": [given]}).query.instance_ids == (GUID,)


def test_a_session_dict_is_a_reference() -> None:
    given = {
        "instance_id": GUID.upper(),
        "computer_name": ".",
        "connection_uri": "http://h/wsman",
        "inventory_hostname": "host",
        "name": "job1",
        "id": 3,
        "state": "Opened",
        "computer_type": "RemoteMachine",
        "owner": "not needed",
    }
    (reference,) = Request.from_options({"session": [given]}).query.sessions
    assert (reference.instance_id, reference.computer_name, reference.name) == (GUID, "localhost", "job1")
    assert (reference.id, reference.state, reference.inventory_hostname) == (3, "Opened", "host")


@pytest.mark.parametrize("local", [{"name": ["a"]}, {"id": [0]}, {"instance_id": [GUID]}])
def test_local_sets_take_log_on_options(local: dict[str, Any]) -> None:
    understood = Request.from_options({**local, "credential": CREDENTIAL, "authentication": "basic"})
    assert understood.parameter_set.is_local
    assert understood.logon.credential == Credential("user", "secret-pw")


def test_its_representation_hides_passwords() -> None:
    option = {"proxy": "http://p", "proxy_credential": CREDENTIAL}
    text = repr(request(credential=CREDENTIAL, certificate_key_password="secret-key", session_option=option))
    assert "secret" not in text


@pytest.mark.parametrize("character", ["\x01", "\n", "\x1f", "\x7f", "\uffff"], ids=ascii)
@pytest.mark.parametrize(
    "options",
    [
        {"computer_name": ["srv01"], "name": ["night?ly"]},
        {"computer_name": ["srv01"], "name": ["nightly"], "configuration_name": "Micro?soft"},
    ],
    ids=["name", "configuration"],
)
def test_a_name_that_xml_cannot_hold_is_refused(options: dict[str, Any], character: str) -> None:
    given = {
        name: [each.replace("?", character) for each in value]
        if isinstance(value, list)
        else value.replace("?", character)
        for name, value in options.items()
    }
    with pytest.raises(ParameterBindingError, match=r"has a character that a name cannot have \(U\+"):
        Request.from_options(given, cmdlets.NEW)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": ["a", "b\0"]}, "name"),
        ({"journal": "/tmp/a\0b"}, "journal"),
        ({"ca_cert": "\0"}, "ca_cert"),
        ({"computer_name": ["srv\0"]}, "computer_name"),
        ({"session_option": {"culture": "d\0e\0"}}, "session_option.culture"),
        ({"credential": {"username": "u", "password": "p\0w\0"}}, "credential.password"),
    ],
    ids=ascii,
)
def test_a_text_with_nul_characters_is_refused_and_not_shown(options: dict[str, Any], named: str) -> None:
    refused = refusal(**{"computer_name": ["srv01"], **options})
    assert refused.message.startswith(f"{named}: the text holds NUL characters")
    assert "looks like UTF-16" in refused.message
    assert "\0" not in refused.message


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": ["fine", "half\ud800"]}, "name"),
        ({"name": ["x"], "configuration_name": "\udfff"}, "configuration_name"),
        ({"name": ["x"], "credential": {"username": "a", "password": "half\ud800"}}, "credential.password"),
        ({"name": ["x"], "session_option": {"culture": "\udc00"}}, "session_option.culture"),
        ({"name": ["x"], "script": "Write-Output '\ud800'"}, "script"),
    ],
)
def test_half_of_a_surrogate_pair_is_refused(options: dict[str, Any], named: str) -> None:
    """Nothing can be sent with it, and the message does not repeat the text, which may be a secret."""
    with pytest.raises(ParameterBindingError, match="has half of a surrogate pair") as caught:
        Request.from_options({"computer_name": ["srv01"], **options}, cmdlets.CONNECT)
    assert caught.value.message.startswith(f"{named} has half of a surrogate pair (U+D")
    assert "half\ud800" not in caught.value.message


def test_values_for_a_script_may_have_half_of_a_surrogate_pair() -> None:
    """PowerShell's strings may; they travel escaped."""
    values = {"arguments": ["\ud800"], "parameters": {"P": "\ud800"}, "input": ["\udfff"]}
    request = Request.from_options({"computer_name": ["srv01"], "name": ["x"], "script": "s", **values}, cmdlets.INVOKE)
    assert request.run.script is not None
    assert request.run.script.arguments == ("\ud800",)
