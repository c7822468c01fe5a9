# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What later tasks with a session apply again: no secret, nothing that the task says itself, nothing weak of others."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import SessionReference
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.task_options import (
    applied_to,
    kept,
    read,
    without_weakening,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target.endpoint import (
    endpoint_of_reference,
    endpoints,
)

GUID = "1a2b3c4d-0000-0000-0000-123456789abc"
CREDENTIAL = {"username": "other", "password": "task-secret"}
INVENTORY = {
    "computer_name": "win1",
    "inventory_hostname": "win1",
    "address": "192.0.2.1",
    "port": 5986,
    "use_ssl": True,
    "username": "operator",
    "password": "inventory-secret",
}


def settings_of(computer_name: str, inventory_hostname: str | None) -> HostSettings | None:
    is_known = "win1" in (computer_name, inventory_hostname)
    return HostSettings.from_options({**INVENTORY, "computer_name": computer_name}) if is_known else None


def reached_by(**options: Any) -> Endpoint:
    """The endpoint of a task with a computer or an address."""
    (found,) = endpoints(Request.from_options(options), settings_of)
    return found


def remembered(found: Endpoint, *, is_registered: bool = True, **fields: Any) -> SessionReference:
    """A session as the registry has it, or as a result gives it to a task."""
    return SessionReference(
        GUID,
        found.computer_name,
        connection_uri=found.uri,
        inventory_hostname=found.inventory_hostname,
        task_options=found.task_options,
        is_registered=is_registered,
        **fields,
    )


def found_again(reference: SessionReference, **options: Any) -> Endpoint:
    request = Request.from_options({"session": [{"instance_id": GUID, "computer_name": "win1"}], **options})
    return endpoint_of_reference(reference, request, settings_of)


@pytest.mark.parametrize(
    "options",
    [
        {"computer_name": ["win1"]},
        {"computer_name": ["win1"], "port": 15985, "use_ssl": False, "application_name": "other"},
        {"computer_name": ["win1"], "use_ssl": False},
        {"connection_uri": ["http://win1:15985/wsman"]},
        {"computer_name": ["win1"], "authentication": "kerberos", "transport": "winrm", "ca_cert": "/etc/ca.pem"},
        {"computer_name": ["win1"], "server_certificate_fingerprint": "5A:" * 31 + "5A"},
        {"computer_name": ["win1"], "certificate_pem": "/etc/client.pem", "certificate_key_pem": "/etc/client.key"},
        {"computer_name": ["win1"], "authentication": "basic", "session_option": {"skip_ca_check": True}},
        {
            "computer_name": ["win1"],
            "session_option": {
                "no_encryption": True,
                "open_timeout": 7,
                "proxy": "http://proxy:3128",
                "culture": "de-DE",
            },
        },
    ],
    ids=str,
)
def test_a_session_of_the_registry_is_reached_as_before(options: dict[str, Any]) -> None:
    before = reached_by(**options)
    after = found_again(remembered(before))
    assert (after, after.task_options) == (before, before.task_options)


def test_the_inventory_has_the_last_word_on_what_the_task_did_not_set() -> None:
    before = reached_by(computer_name=["win1"], port=15985)

    def moved(computer_name: str, _host: str | None) -> HostSettings:
        return HostSettings.from_options({**INVENTORY, "computer_name": computer_name, "address": "192.0.2.9"})

    request = Request.from_options({"id": [1]})
    assert endpoint_of_reference(remembered(before), request, moved).uri == "https://192.0.2.9:15985/wsman"


def test_the_options_of_the_task_win() -> None:
    weak = {"skip_ca_check": True, "open_timeout": 7}
    before = reached_by(computer_name=["win1"], authentication="basic", session_option=weak)
    again = found_again(
        remembered(before), authentication="negotiate", credential=CREDENTIAL, session_option={"skip_ca_check": False}
    )
    assert (again.logon.scheme, again.logon.username, again.tls.check_authority) == ("negotiate", "other", True)
    assert again.option.open_timeout == 7


@pytest.mark.parametrize(
    ("earlier", "given", "left"),
    [
        ({"certificate_thumbprint": "ab", "certificate_store": "/s"}, {"credential": CREDENTIAL}, set()),
        ({"certificate_pem": "/c", "certificate_key_pem": "/k"}, {"authentication": "basic"}, {"authentication"}),
        ({"authentication": "basic"}, {"certificate_thumbprint": "ab"}, {"certificate_thumbprint"}),
        ({"authentication": "negotiate_with_implicit_credential"}, {"credential": CREDENTIAL}, set()),
        ({"authentication": "basic"}, {"credential": CREDENTIAL}, {"authentication"}),
    ],
    ids=str,
)
def test_what_the_task_logs_on_with_replaces_what_excludes_it(
    earlier: dict[str, Any], given: dict[str, Any], left: set[str]
) -> None:
    assert applied_to(given, earlier).keys() - {"credential", "session_option"} == left


def test_secrets_are_not_kept() -> None:
    found = kept(
        {
            "credential": CREDENTIAL,
            "certificate_pem": "/etc/client.pem",
            "certificate_key_password": "key-secret",
            "session_option": {
                "proxy": "http://me:proxy-secret@proxy:3128",
                "proxy_credential": {"username": "me", "password": "proxy-secret"},
                "application_arguments": {"token": "argument-secret"},
                "idle_timeout": 600,
                "output_buffering_mode": "drop",
            },
        }
    )
    assert found == {"certificate_pem": "/etc/client.pem", "session_option": {"proxy": "http://proxy:3128"}}


@pytest.mark.parametrize(("proxy", "left"), [("me:pw@proxy:3128", "proxy:3128"), ("proxy", "proxy")])
def test_a_proxy_without_a_scheme(proxy: str, left: str) -> None:
    assert kept({"session_option": {"proxy": proxy}})["session_option"]["proxy"] == left


WEAK: list[dict[str, Any]] = [
    {"allow_redirection": True},
    {"authentication": "basic"},
    {"authentication": "credssp"},
    {"session_option": {"skip_ca_check": True}},
    {"session_option": {"skip_cn_check": True}},
    {"session_option": {"skip_revocation_check": True}},
    {"session_option": {"no_encryption": True}},
]


@pytest.mark.parametrize("options", WEAK, ids=str)
def test_what_weakens_a_check_counts_from_the_registry_only(options: dict[str, Any]) -> None:
    plain = found_again(SessionReference(GUID, "win1"))
    assert without_weakening(options) == {"session_option": {}}
    reference = SessionReference(GUID, "win1", task_options=read(options))
    assert found_again(reference) == plain
    registered = SessionReference(GUID, "win1", task_options=read(options), is_registered=True)
    assert found_again(registered) != plain


@pytest.mark.parametrize(
    "options",
    [
        {"port": 15985},
        {"use_ssl": False},
        {"application_name": "other"},
        {"connection_uri": "https://evil.example:5986"},
    ],
    ids=str,
)
def test_a_place_that_only_a_given_session_names_gets_nothing_of_the_inventory(options: dict[str, Any]) -> None:
    reference = SessionReference(GUID, "win1", inventory_hostname="win1", task_options=read(options))
    found = found_again(reference)
    assert (found.logon.credential, found.inventory_hostname) == (None, None)
    own = found_again(reference, credential=CREDENTIAL)
    assert own.logon.password == "task-secret"
    named = found_again(
        SessionReference(GUID, "win1", inventory_hostname="win1", connection_uri="https://evil.example")
    )
    assert (named.uri, named.logon.password) == ("https://192.0.2.1:5986/wsman", "inventory-secret")


@pytest.mark.parametrize("given", [None, "text", 7, [], {"session_option": "text"}, {"unknown": 1}])
def test_what_is_no_task_option_is_passed_over(given: Any) -> None:
    assert read(given) == {}
