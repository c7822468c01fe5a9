# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/connection_variables.md tells of every variable of the connection plugins, and what it tells is so."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible.plugins.loader import connection_loader
from winrm.protocol import Protocol

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _connection_options

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connection_variables.md").read_text(encoding="utf-8")
PLUGINS = ("psrp", "winrm")
# Arguments of pywinrm's Protocol that the winrm plugin takes from options or from nowhere.
NOT_VARIABLES = {"self", "endpoint", "username"}
# pywinrm has these, but not where the plugin could hand them on.
OURS = {"ansible_winrm_credssp_auth_mechanism", "ansible_winrm_credssp_minimum_version"}
# The page tells of them, and only some releases of ansible-core have them.
RECENT = {"ansible_psrp_certificate_key_password", "ansible_psrp_no_profile"}
# Values that differ from every default. What is not named here is text of any kind.
VALUES: dict[str, Any] = {
    "ansible_port": 1234,
    "ansible_psrp_port": 1234,
    "ansible_winrm_port": 1234,
    "ansible_psrp_protocol": "http",
    "ansible_winrm_scheme": "http",
    "ansible_psrp_auth": "kerberos",
    "ansible_winrm_transport": "ntlm",
    "ansible_psrp_cert_validation": "ignore",
    "ansible_winrm_server_cert_validation": "ignore",
    "ansible_psrp_message_encryption": "always",
    "ansible_winrm_message_encryption": "always",
    "ansible_psrp_negotiate_send_cbt": False,
    "ansible_winrm_send_cbt": False,
    "ansible_psrp_credssp_auth_mechanism": "kerberos",
    "ansible_winrm_credssp_auth_mechanism": "kerberos",
    "ansible_winrm_kinit_mode": "managed",
    "ansible_winrm_kinit_env_vars": ["A"],
    **dict.fromkeys(
        (
            "ansible_psrp_ignore_proxy",
            "ansible_psrp_negotiate_delegate",
            "ansible_psrp_credssp_disable_tlsv1_2",
            "ansible_winrm_credssp_disable_tlsv1_2",
            "ansible_winrm_kerberos_delegation",
            "ansible_psrp_no_profile",
            "ansible_pipelining",
        ),
        True,
    ),
    **dict.fromkeys(
        (
            "ansible_psrp_connection_timeout",
            "ansible_psrp_operation_timeout",
            "ansible_psrp_read_timeout",
            "ansible_psrp_reconnection_retries",
            "ansible_psrp_reconnection_backoff",
            "ansible_psrp_connection_backoff",
            "ansible_psrp_max_envelope_size",
            "ansible_psrp_credssp_minimum_version",
            "ansible_winrm_credssp_minimum_version",
            "ansible_winrm_connection_timeout",
            "ansible_winrm_operation_timeout_sec",
            "ansible_winrm_read_timeout_sec",
        ),
        77,
    ),
}


def section(plugin: str) -> str:
    """What the page says about hosts with a connection."""
    (text,) = re.findall(
        rf"^## Hosts with `ansible_connection: {plugin}`$(.*?)^## ", PAGE, flags=re.MULTILINE | re.DOTALL
    )
    return str(text)


def rows(plugin: str) -> list[tuple[str, str, str]]:
    """Variable, meaning and options of the task that win, for each variable of the page."""
    found = []
    for line in section(plugin).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| `") else []
        if cells:
            found += [(name, cells[1], cells[2] if len(cells) > 2 else "") for name in re.findall(r"`(\w+)`", cells[0])]
    return found


def known(plugin: str) -> set[str]:
    """The variables that the installed plugin documents, or hands on to pywinrm."""
    connection_loader.get(plugin, class_only=True)
    definitions = C.config.get_configuration_definitions("connection", plugin)
    names = {variable["name"] for option in definitions.values() for variable in option.get("vars") or ()}
    if plugin == "winrm":
        names |= {f"ansible_winrm_{name}" for name in set(inspect.signature(Protocol).parameters) - NOT_VARIABLES}
        names |= OURS
    return names


def settings(plugin: str, **variables: Any) -> dict[str, Any]:
    options = dict(C.config.get_plugin_options("connection", plugin, variables=variables))
    return (
        _connection_options._from_psrp(options, variables)
        if plugin == "psrp"
        else _connection_options._from_winrm(options, variables)
    )


ROWS = [(plugin, *row) for plugin in PLUGINS for row in rows(plugin)]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_page_tells_of_every_variable_and_of_no_other(plugin: str) -> None:
    told = [name for name, *_rest in rows(plugin)]
    assert len(told) == len(set(told))
    assert known(plugin) - set(told) == set()
    assert set(told) - known(plugin) <= RECENT


@pytest.mark.parametrize(("plugin", "name", "meaning", "_options"), ROWS)
def test_a_variable_counts_unless_the_page_says_otherwise(plugin: str, name: str, meaning: str, _options: str) -> None:
    if name not in known(plugin):
        pytest.skip("this release of ansible-core does not have it")
    if name == "inventory_hostname":
        return  # the address in the absence of another: Inventory sees to that
    changed = settings(plugin, **{name: VALUES.get(name, "sample")}) != settings(plugin)
    assert changed is not meaning.startswith("nothing")


@pytest.mark.parametrize(("_plugin", "_name", "_meaning", "options"), ROWS)
def test_the_options_that_win_exist(_plugin: str, _name: str, _meaning: str, options: str) -> None:
    spec = _arguments.CONNECT_PSSESSION
    suboptions = spec["session_option"]["options"]
    for name in re.findall(r"`([\w.]+)`", options):
        option, _dot, suboption = name.rpartition(".")
        assert name in spec or name in suboptions or suboption in spec[option]["options"]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_settings_are_suboptions_of_endpoints(plugin: str) -> None:
    assert set(settings(plugin)) <= set(_arguments.ENDPOINTS["endpoints"]["options"])
