# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be meant is refused with a message that names the option, before any traffic."""

from __future__ import annotations

from typing import Any

import yaml

from tests.simulator import SimulatedFleet

from .controller import Controller, inventory_of

ON = {"computer_name": "srv01"}
LOGON = {"username": "operator", "password": "not-shown"}
GUID = "1a2b3c4d-0000-0000-0000-123456789abc"
# What is given, and what the message must say.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "bad GUID": ({**ON, "instance_id": "1234"}, "instance_id: '1234' is not a GUID"),
    "port 0": ({**ON, "port": 0}, "port: 0 is not between 1 and 65535"),
    "port 65536": ({**ON, "port": 65536}, "port: 65536 is not between 1 and 65535"),
    "port of another type": ({**ON, "port": "winrm"}, "port"),
    "relative URI": ({"connection_uri": "/wsman"}, "connection_uri: /wsman cannot be used"),
    "URI of another scheme": ({"connection_uri": "ftp://srv01"}, "connection_uri: ftp://srv01 cannot be used"),
    "password in a URI": ({"connection_uri": "http://me:secret@srv01/wsman"}, "has a user or password in it"),
    "empty name": ({**ON, "name": ""}, "name has an empty value"),
    "empty computer name": ({"computer_name": ["srv01", " "]}, "computer_name has an empty value"),
    "no computer name": ({"computer_name": "http://srv01"}, "'http://srv01' is not a computer name"),
    "computer and URI": ({**ON, "connection_uri": "http://srv01"}, "computer_name, connection_uri cannot be used"),
    "name and id": ({"name": "ITTask", "id": 1}, "id, name cannot be used together"),
    "name and instance id": (
        {**ON, "name": "ITTask", "instance_id": GUID},
        "computer_name, instance_id, name cannot be used together",
    ),
    "port and URI": ({"connection_uri": "http://srv01", "port": 5985}, "connection_uri, port cannot be used together"),
    "nothing that selects": ({"throttle_limit": 3}, "The options do not select any sessions"),
    "credential and thumbprint": (
        {**ON, "credential": LOGON, "certificate_thumbprint": "AB12"},
        "certificate_thumbprint and credential cannot be used together",
    ),
    "thumbprint and authentication": (
        {**ON, "authentication": "kerberos", "certificate_thumbprint": "AB12"},
        "certificate_thumbprint and authentication=kerberos cannot be used together",
    ),
    "two certificates": (
        {**ON, "certificate_pem": "/user.pem", "certificate_thumbprint": "AB12"},
        "certificate_thumbprint and certificate_pem cannot be used together",
    ),
    "a credential beside the implicit one": (
        {**ON, "credential": LOGON, "authentication": "negotiate_with_implicit_credential"},
        "authentication=negotiate_with_implicit_credential and credential cannot be used together",
    ),
    "no thumbprint": ({**ON, "certificate_thumbprint": "AB12"}, "'AB12' is not a SHA-1 or SHA-256 thumbprint"),
    "no store": (
        {**ON, "certificate_thumbprint": "0" * 40, "certificate_store": "/nowhere"},
        "the certificate store /nowhere cannot be read: No such file or directory",
    ),
    "allow_redirection without a URI": ({**ON, "allow_redirection": True}, "allow_redirection"),
    "a proxy's credential without a proxy": (
        {**ON, "session_option": {"proxy_credential": LOGON}},
        "session_option.proxy_credential needs a proxy",
    ),
    **{
        f"log-on to a proxy by {way}": (
            {**ON, "session_option": {"proxy": "http://proxy:3128", "proxy_authentication": way}},
            f"session_option.proxy_authentication={way} is not supported: proxies support basic only",
        )
        for way in ("digest", "negotiate")
    },
    "negative busy_timeout": ({**ON, "busy_timeout": -1}, "busy_timeout: -1 is negative"),
    "bad timeout": ({**ON, "session_option": {"open_timeout": -5}}, "session_option.open_timeout: -5"),
    "bad client id": ({**ON, "client_id": "me"}, "client_id: 'me' is not a GUID"),
    "bad choice": ({**ON, "on_missing": "perhaps"}, "on_missing"),
    "session without its id": ({"session": [{"computer_name": "srv01"}]}, "session: an entry has no instance_id"),
    "unknown option": ({**ON, "computer": "srv01"}, "computer"),
    "unknown suboption": ({**ON, "session_option": {"speed": "fast"}}, "session_option.speed"),
    "credential without user": ({**ON, "credential": {"password": "not-shown"}}, "username"),
}


def test_each_is_refused_before_any_traffic(controller: Controller, fleet: SimulatedFleet) -> None:
    tasks = [
        {"name": name, "psremoting.fleet.connect_pssession": options, "ignore_errors": True}
        for name, (options, _message) in REFUSED.items()
    ]
    # What is known without asking anybody is no different in check mode.
    for arguments in ((), ("--check",)):
        run = controller.run(yaml.safe_dump(tasks, sort_keys=False), *arguments, hosts="localhost")
        assert run.exit_code == 0, run.output
        told = {name: run[name] for name in REFUSED}
        assert {name for name, result in told.items() if result.outcome != "ignored"} == set()
        wrong = {name: told[name].message for name, (_given, text) in REFUSED.items() if text not in told[name].message}
        assert wrong == {}
        for secret in ("not-shown", "me:secret"):
            assert secret not in repr(run.results)  # newer releases of ansible-core print lines of the playbook, too
    assert fleet.requests == []
    refused = told["bad GUID"]
    assert refused["errors"][0]["fully_qualified_error_id"].startswith("ParameterArgumentTransformationError")
    assert refused["sessions"] == []


def test_what_would_send_a_password_in_clear_is_refused_for_that_computer(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    controller.inventory = inventory_of(fleet, ansible_psrp_message_encryption=None)
    hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
    hosts["srv02"]["ansible_psrp_message_encryption"] = "never"
    hosts["srv03"]["ansible_psrp_auth"] = "certificate"
    run = controller.run("[{name: Connect, psremoting.fleet.connect_pssession: {name: ITTask}}]")
    assert {host: result.outcome for host, result in run.of("Connect").items()} == {
        "srv01": "failed",
        "srv02": "ok",
        "srv03": "failed",
    }
    assert (
        "authentication basic over plain HTTP would send everything unencrypted" in run.on("Connect", "srv01").message
    )
    assert "session_option.no_encryption" in run.on("Connect", "srv01").message
    assert "authentication by certificate needs HTTPS" in run.on("Connect", "srv03").message
    assert {request.computer for request in fleet.requests} == {"srv02"}
