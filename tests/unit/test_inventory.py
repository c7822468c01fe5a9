# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of the connection plugins in the words of the engine, with the plugins' own rules for what is left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ansible.template
import pytest
from ansible import constants as C
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _connection_options, _inventory, _secrets

# ansible-core 2.21 changed a default: the plugin's own documentation gives that of the core at hand.


def psrp(**variables: Any) -> dict[str, Any]:
    """Settings by the variables of a psrp connection, without their prefix."""
    return _connection_options._from_psrp(options("psrp", variables), named("psrp", variables))


def winrm(**variables: Any) -> dict[str, Any]:
    """Settings by the variables of a winrm connection, without their prefix."""
    return _connection_options._from_winrm(options("winrm", variables), named("winrm", variables))


def named(plugin: str, variables: dict[str, Any]) -> dict[str, Any]:
    general = ("host", "user", "password", "port")
    return {f"ansible_{name}" if name in general else f"ansible_{plugin}_{name}": variables[name] for name in variables}


def options(plugin: str, variables: dict[str, Any]) -> dict[str, Any]:
    connection_loader.get(plugin, class_only=True)
    return dict(C.config.get_plugin_options("connection", plugin, variables=named(plugin, variables)))


@pytest.mark.parametrize("settings_of", [psrp, winrm])
@pytest.mark.parametrize(
    ("port", "scheme", "use_ssl"),
    [
        (None, None, True),
        (5985, None, False),
        ("5985", None, False),
        (5986, None, True),
        (80, None, True),
        (5985, "https", True),
        (5986, "http", False),
    ],
)
def test_the_scheme_follows_from_the_port(settings_of: Any, port: Any, scheme: str | None, use_ssl: bool) -> None:
    word = "protocol" if settings_of is psrp else "scheme"
    given = {name: value for name, value in (("port", port), (word, scheme)) if value is not None}
    found = settings_of(**given)
    assert found["use_ssl"] is use_ssl
    if port is not None:
        assert found["port"] == int(port)


@pytest.mark.parametrize("name", ["basic", "certificate", "credssp", "kerberos", "negotiate", "ntlm"])
def test_authentication_of_psrp(name: str) -> None:
    assert psrp(auth=name)["authentication"] == name
    assert psrp()["authentication"] == "negotiate"


@pytest.mark.parametrize(
    ("variables", "authentication", "message_encryption"),
    [
        ({"transport": "ntlm"}, "ntlm", None),
        ({"transport": "kerberos"}, "kerberos", None),
        ({"transport": "credssp"}, "credssp", None),
        ({"transport": "certificate"}, "certificate", None),
        ({"transport": "basic"}, "basic", None),
        ({"transport": "plaintext"}, "basic", "never"),
        ({"transport": "plaintext", "message_encryption": "auto"}, "basic", "never"),
        ({"transport": "ssl"}, "basic", None),
        ({"transport": "ssl", "cert_pem": "/user.pem"}, "certificate", None),
        ({"transport": "ntlm", "message_encryption": "always"}, "ntlm", "always"),
        # Of several the engine takes the first that is possible.
        ({"transport": ["kerberos", "ntlm"]}, "kerberos,ntlm", None),
        ({"transport": "ntlm,plaintext"}, "ntlm,plaintext", None),
        ({"transport": "ssl,ntlm", "cert_pem": "/user.pem"}, "certificate,ntlm", None),
        # None at all: by the user name, or else by the scheme.
        ({}, "basic", None),
        ({"scheme": "http"}, "basic", "never"),
        ({"port": 5985}, "basic", "never"),
        ({"user": "me@EXAMPLE.COM"}, "kerberos", None),
        ({"user": "me@EXAMPLE.COM", "scheme": "http"}, "kerberos", None),
    ],
)
def test_authentication_of_winrm(
    variables: dict[str, Any], authentication: str, message_encryption: str | None
) -> None:
    found = winrm(**variables)
    assert (found["authentication"], found["message_encryption"]) == (authentication, message_encryption)


@pytest.mark.parametrize(
    ("variables", "setting", "value"),
    [
        ({"host": "10.0.0.1"}, "address", "10.0.0.1"),
        ({"user": "me"}, "username", "me"),
        ({"password": "p"}, "password", "p"),
        ({"path": "app"}, "application_name", "app"),
        ({"message_encryption": "never"}, "message_encryption", "never"),
        ({"cert_validation": "ignore"}, "verify_certificate", False),
        ({"cert_validation": "validate"}, "verify_certificate", True),
        ({"ca_cert": "/ca.pem"}, "ca_cert", "/ca.pem"),
        ({"cert_trust_path": "/ca.pem"}, "ca_cert", "/ca.pem"),
        ({"certificate_pem": "/user.pem"}, "certificate_pem", "/user.pem"),
        ({"certificate_key_pem": "/user-key.pem"}, "certificate_key_pem", "/user-key.pem"),
        ({"connection_timeout": "7"}, "connection_timeout", 7),
        ({"operation_timeout": 7}, "operation_timeout", 7),
        ({"read_timeout": 7}, "read_timeout", 7),
        ({"reconnection_retries": 7}, "reconnection_retries", 7),
        ({"reconnection_backoff": 7}, "reconnection_backoff", 7),
        ({"max_envelope_size": 70000}, "max_envelope_size", 70000),
        ({}, "max_envelope_size", 512000),
        ({"proxy": "http://p"}, "proxy", "http://p"),
        ({"ignore_proxy": "yes"}, "ignore_proxy", True),
        ({"negotiate_delegate": "yes"}, "negotiate_delegate", True),
        ({"negotiate_hostname_override": "srv01"}, "negotiate_hostname_override", "srv01"),
        ({"negotiate_send_cbt": "no"}, "negotiate_send_cbt", False),
        ({"negotiate_service": "HTTP"}, "negotiate_service", "HTTP"),
        ({"negotiate_service": "WSMAN"}, "negotiate_service", "WSMAN"),
        ({"credssp_auth_mechanism": "ntlm"}, "credssp_auth_mechanism", "ntlm"),
        ({"credssp_disable_tlsv1_2": "yes"}, "credssp_disable_tlsv1_2", True),
        ({"credssp_minimum_version": "5"}, "credssp_minimum_version", 5),
    ],
)
def test_variables_of_psrp(variables: dict[str, Any], setting: str, value: Any) -> None:
    assert psrp(**variables)[setting] == value
    assert psrp(**variables)["transport"] == "psrp"


@pytest.mark.parametrize(
    ("variables", "setting", "value"),
    [
        ({"host": "10.0.0.1"}, "address", "10.0.0.1"),
        ({"user": "me"}, "username", "me"),
        ({"pass": "p"}, "password", "p"),
        ({"path": "/app"}, "application_name", "/app"),
        ({"message_encryption": "always"}, "message_encryption", "always"),
        ({"server_cert_validation": "ignore"}, "verify_certificate", False),
        ({"server_cert_validation": "validate"}, "verify_certificate", True),
        ({}, "verify_certificate", True),
        ({"ca_trust_path": "/ca.pem"}, "ca_cert", "/ca.pem"),
        ({"cert_pem": "/user.pem"}, "certificate_pem", "/user.pem"),
        ({"cert_key_pem": "/user-key.pem"}, "certificate_key_pem", "/user-key.pem"),
        ({"connection_timeout": 7}, "connection_timeout", 7),
        ({"operation_timeout_sec": "7"}, "operation_timeout", 7.0),
        ({"read_timeout_sec": "7.5"}, "read_timeout", 7.5),
        ({"proxy": "http://p"}, "proxy", "http://p"),
        ({"kerberos_delegation": "yes"}, "negotiate_delegate", True),
        ({"kerberos_delegation": False}, "negotiate_delegate", False),
        ({"kerberos_hostname_override": "srv01"}, "negotiate_hostname_override", "srv01"),
        ({"send_cbt": "false"}, "negotiate_send_cbt", False),
        ({"service": "WSMAN"}, "negotiate_service", "WSMAN"),
        ({}, "negotiate_service", "HTTP"),
        ({"credssp_auth_mechanism": "ntlm"}, "credssp_auth_mechanism", "ntlm"),
        ({"credssp_disable_tlsv1_2": "true"}, "credssp_disable_tlsv1_2", True),
        ({"credssp_minimum_version": "5"}, "credssp_minimum_version", 5),
    ],
)
def test_variables_of_winrm(variables: dict[str, Any], setting: str, value: Any) -> None:
    assert winrm(**variables)[setting] == value
    assert winrm(**variables)["transport"] == "winrm"


@pytest.mark.parametrize("settings_of", [psrp, winrm])
def test_what_is_not_said_is_left_to_the_engine(settings_of: Any) -> None:
    found = settings_of()
    silent = (
        "username",
        "password",
        "certificate_pem",
        "certificate_key_pem",
        "negotiate_delegate",
        "ca_cert",
        "proxy",
    )
    assert {name: found[name] for name in silent} == dict.fromkeys(silent)


def test_the_default_service_is_host_on_every_core() -> None:
    """Before ansible-core 2.21 the plugin's own default is WSMAN, for which domains often have no principal."""
    cores = {**options("psrp", {}), "negotiate_service": "WSMAN"}
    assert HostSettings.from_options(_connection_options._from_psrp(cores, {})).negotiate_service == "host"
    set_to_it = {_connection_options.NEGOTIATE_SERVICE: "WSMAN"}
    assert HostSettings.from_options(_connection_options._from_psrp(cores, set_to_it)).negotiate_service == "WSMAN"


def template(value: Any) -> Any:
    """Return a value as Ansible reads it from an inventory: newer releases mark what may be a template."""
    return getattr(ansible.template, "trust_as_template", str)(value) if isinstance(value, str) else value


class Hosts(dict[str, dict[str, Any]]):
    """Variables of all hosts as Ansible hands them to tasks, without a variable manager behind them."""

    def raw_get(self, host: str) -> dict[str, Any]:
        return self[host]


def seen_from(own: str, hosts: dict[str, dict[str, Any]], **variables: Any) -> _inventory.Inventory:
    """The inventory as a task of a play with the hosts win1, win2 and linux sees it.

    Args:
        variables: Of the play or the task.
    """
    hosts = {host: {name: template(value) for name, value in known.items()} for host, known in hosts.items()}
    task_vars = {
        **hosts[own],
        "inventory_hostname": own,
        "hostvars": Hosts(hosts),
        "ansible_play_hosts_all": ["win1", "win2", "linux"],
        **variables,
    }
    play = SimpleNamespace(connection="psrp")
    task = SimpleNamespace(delegate_to=None, connection="psrp", remote_user=None, port=None, get_play=lambda: play)
    task._ds, task._parent = {}, play
    return _inventory.Inventory(task_vars, Templar(DataLoader(), task_vars), DataLoader(), task)


@pytest.mark.parametrize(
    ("host", "user"),
    [("win2", "operator"), ("linux", None), ("elsewhere", None)],
    ids=["of the play", "linux", "outside"],
)
def test_the_keyword_of_the_play_counts_for_its_other_hosts(host: str, user: str | None) -> None:
    """A variable of the host wins, and hosts of other plays have nothing to do with it."""
    account = {"ansible_user": "operator"}
    hosts = {"win1": account, "win2": account, "linux": {**account, "ansible_connection": "ssh"}, "elsewhere": account}
    settings = seen_from("win1", hosts).settings_of(host)
    assert settings is not None
    assert settings.username == user


WINDOWS = {"ansible_connection": "winrm", "ansible_user": "operator", "ansible_password": "pw"}
PSRP = {**WINDOWS, "ansible_connection": "psrp"}


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({**PSRP, "ansible_psrp_auth": "ntml"}, "ansible_psrp_auth"),
        ({**PSRP, "ansible_port": "5986x"}, "ansible_port"),
        ({**PSRP, "ansible_psrp_port": 0}, "ansible_psrp_port"),
        ({**PSRP, "ansible_port": 65536}, "ansible_port"),
        ({**PSRP, "ansible_psrp_protocol": "htps"}, "ansible_psrp_protocol"),
        ({**PSRP, "ansible_psrp_connection_timeout": "soon"}, "ansible_psrp_connection_timeout"),
        ({**PSRP, "ansible_psrp_reconnection_retries": -1}, "ansible_psrp_reconnection_retries"),
        ({**PSRP, "ansible_psrp_message_encryption": "sometimes"}, "ansible_psrp_message_encryption"),
        ({**PSRP, "ansible_psrp_cert_validation": "perhaps"}, "ansible_psrp_cert_validation"),
        ({**PSRP, "ansible_password": "{{ nowhere }}"}, "ansible_password"),
        ({**PSRP, "ansible_user": "{{ nowhere }}"}, "ansible_user"),
        ({**PSRP, "ansible_psrp_proxy": "http://{{ nowhere }}"}, "ansible_psrp_proxy"),
        ({**PSRP, "ansible_host": "{{ lookup('file', '/nowhere') }}"}, "ansible_host"),
        ({**PSRP, "ansible_connection": "{{ nowhere }}"}, "ansible_connection"),
        ({**WINDOWS, "ansible_winrm_send_cbt": "maybe"}, "ansible_winrm_send_cbt"),
        ({**WINDOWS, "ansible_winrm_transport": "ntml"}, "ansible_winrm_transport"),
        ({**WINDOWS, "ansible_winrm_scheme": "htps"}, "ansible_winrm_scheme"),
        ({**WINDOWS, "ansible_winrm_credssp_minimum_version": "new"}, "ansible_winrm_credssp_minimum_version"),
        ({**WINDOWS, "ansible_winrm_operation_timeout_sec": "-1"}, "ansible_winrm_operation_timeout_sec"),
        ({**WINDOWS, "ansible_winrm_read_timeout_sec": "long"}, "ansible_winrm_read_timeout_sec"),
        ({**WINDOWS, "ansible_winrm_message_encryption": "sometimes"}, "ansible_winrm_message_encryption"),
        ({**WINDOWS, "ansible_winrm_connection_timeout": "soon"}, "ansible_winrm_connection_timeout"),
    ],
)
def test_a_bad_variable_costs_its_own_host(variables: dict[str, Any], name: str) -> None:
    settings = seen_from("win1", {"win1": PSRP, "win2": variables}).settings_of("WIN2")
    assert settings is not None
    assert (settings.computer_name, settings.inventory_hostname) == ("WIN2", "win2")
    assert (settings.problem or "").startswith(f"the variable {name} of the inventory host win2 ")


def test_no_problem_shows_a_secret() -> None:
    for variables in (
        {"ansible_password": "{{ 'secret-' ~ nowhere }}"},
        {"ansible_password": "{{ 'secret-' | nowhere }}"},
        {"ansible_password": "secret-{{"},
        {"ansible_psrp_proxy": ["http://operator:secret-@proxy"]},
    ):
        settings = seen_from("win1", {"win1": PSRP, "win2": {**PSRP, **variables}}).settings_of("win2")
        assert settings is not None
        assert "secret-" not in repr(settings), variables


@pytest.mark.parametrize("name", ["psrp", "winrm"])
def test_secrets_of_other_hosts_are_registered(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible-core cannot tell them from other variables; in the address of a proxy it looks for none at all."""
    registered: list[str] = []
    monkeypatch.setattr(_secrets, "register_secrets", registered.extend)
    other = {
        **WINDOWS,
        "ansible_connection": name,
        "ansible_password": "of the host",
        f"ansible_{name}_proxy": "http://me:of-the-proxy@proxy",
    }
    assert seen_from("win1", {"win1": PSRP, "win2": other}).settings_of("win2")
    assert sorted(registered) == ["of the host", "of-the-proxy"]


def test_ansible_core_masks_what_is_registered() -> None:
    secrets = pytest.importorskip("ansible.module_utils.secrets", reason="ansible-core masks secrets from 2.22 on")
    other = {**PSRP, "ansible_password": "masked-password", "ansible_psrp_proxy": "http://me:masked-proxy@proxy"}
    assert seen_from("win1", {"win1": PSRP, "win2": other}).settings_of("win2")
    given = {"credential": {"username": "me", "password": "masked-option"}, "certificate_key_password": "masked-key"}
    assert not ArgumentSpecValidator(_plugins.LOOKUP.spec).validate(given).error_messages  # as the lookup reads them
    assert secrets.mask_secrets("masked-password masked-proxy masked-option masked-key") == " ".join(["$REDACTED$"] * 4)


@pytest.mark.parametrize("word", ["ssh", "pspr", "local"])
def test_another_connection_gives_no_user(word: str) -> None:
    settings = seen_from("win1", {"win1": PSRP, "other": {**PSRP, "ansible_connection": word}}).settings_of("other")
    assert settings is not None
    assert (settings.username, settings.password) == (None, None)
    assert f"ansible_connection is {word}" in (settings.logon_problem or "")


@pytest.mark.parametrize(
    ("own", "variables", "meant"),
    [
        ("win1", {}, "win1"),
        ("win1", {"ansible_connection": "local"}, "win1"),
        ("win1", {"ansible_connection": "ssh"}, "win1"),
        ("linux", {"ansible_connection": "psrp"}, "linux"),
        ("linux", {}, None),
        ("localhost", {}, None),
    ],
)
def test_which_host_a_task_is_about(own: str, variables: dict[str, Any], meant: str | None) -> None:
    """Its own one if that is a Windows host, wherever the task runs; the controller is none whatever `all` says."""
    hosts = {"win1": PSRP, "linux": {"ansible_connection": "ssh"}, "localhost": PSRP}
    inventory = seen_from(own, hosts, **variables)
    assert inventory.own_computer() == meant
    if meant is None:
        assert ("is not a Windows host" in inventory.why_no_computer()) is (own == "linux")
