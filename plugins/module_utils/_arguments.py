"""The options of modules, actions and the lookup, composed from named groups.

plugins/doc_fragments/_options.py and _endpoints.py document them. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import SCRIPT_OPTIONS
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import (
    BUFFERING_MODES,
    PROXY_ACCESS_TYPES,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import schemes

Spec = dict[str, dict[str, t.Any]]

SELECTION: Spec = {
    "name": {"type": "list", "elements": "str"},
    "session": {"type": "list", "elements": "dict"},
    "id": {"type": "list", "elements": "int"},
    "instance_id": {"type": "list", "elements": "str"},
    "computer_name": {"type": "list", "elements": "str", "aliases": ["cn"]},
    "connection_uri": {"type": "list", "elements": "str", "aliases": ["uri", "cu"]},
    "configuration_name": {"type": "str"},
    "require_each": {"type": "bool"},
}

COMPUTER: Spec = {
    "application_name": {"type": "str"},
    "port": {"type": "int"},
    "use_ssl": {"type": "bool"},
    "allow_redirection": {"type": "bool"},
}

CREDENTIAL: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "username": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True},
    },
}

LOGON: Spec = {
    "credential": CREDENTIAL,
    "authentication": {"type": "str", "choices": list(schemes.OPTIONS)},
    "certificate_thumbprint": {"type": "str"},
    "certificate_store": {"type": "path", "fallback": (env_fallback, ["PSSESSION_CERTIFICATE_STORE"])},
    "certificate_pem": {"type": "path"},
    "certificate_key_pem": {"type": "path"},
    "certificate_key_password": {"type": "str", "no_log": True},
    "ca_cert": {"type": "path"},
    "server_certificate_fingerprint": {"type": "str"},
    "transport": {"type": "str", "choices": ["psrp", "winrm"]},
    "session_option": {
        "type": "dict",
        "options": {
            "maximum_redirection": {"type": "int"},
            "no_compression": {"type": "bool"},
            "no_machine_profile": {"type": "bool"},
            "culture": {"type": "str"},
            "ui_culture": {"type": "str"},
            "maximum_received_data_size_per_command": {"type": "int"},
            "maximum_received_object_size": {"type": "int"},
            "output_buffering_mode": {"type": "str", "choices": list(BUFFERING_MODES)},
            "max_connection_retry_count": {"type": "int"},
            "application_arguments": {"type": "dict"},
            "open_timeout": {"type": "float"},
            "cancel_timeout": {"type": "float"},
            "idle_timeout": {"type": "int"},
            "operation_timeout": {"type": "float"},
            "proxy_access_type": {"type": "str", "choices": list(PROXY_ACCESS_TYPES)},
            "proxy": {"type": "str"},
            "proxy_authentication": {"type": "str", "choices": ["basic", "digest", "negotiate"]},
            "proxy_credential": CREDENTIAL,
            "skip_ca_check": {"type": "bool"},
            "skip_cn_check": {"type": "bool"},
            "skip_revocation_check": {"type": "bool"},
            "no_encryption": {"type": "bool"},
            "use_utf16": {"type": "bool"},
            "include_port_in_spn": {"type": "bool"},
        },
    },
}

FLOW: Spec = {
    "throttle_limit": {"type": "int", "default": 32},
    "list_commands": {"type": "bool", "default": False},
    "on_missing": {"type": "str", "choices": ["error", "warn", "skip"], "default": "error"},
    "on_error": {"type": "str", "choices": ["fail_at_end", "stop", "report"], "default": "fail_at_end"},
    "state_file": {"type": "path", "fallback": (env_fallback, ["PSSESSION_STATE_FILE"])},
    "client_id": {"type": "str", "fallback": (env_fallback, ["PSSESSION_CLIENT_ID"])},
    "lockout_guard": {"type": "bool", "default": True},
}

CHANGE: Spec = {
    "confirm": {"type": "bool", "aliases": ["cf"], "default": False},
    "busy_timeout": {"type": "int", "default": 0},
}

CONNECT: Spec = {
    "application_private_data": {"type": "bool", "default": False},
}

ENDPOINTS: Spec = {
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "options": {
            "computer_name": {"type": "str", "required": True},
            "inventory_hostname": {"type": "str"},
            "transport": {"type": "str", "choices": ["psrp", "winrm"]},
            "address": {"type": "str"},
            "port": {"type": "int"},
            "use_ssl": {"type": "bool"},
            "application_name": {"type": "str"},
            "authentication": {"type": "str"},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "message_encryption": {"type": "str", "choices": ["auto", "always", "never"]},
            "certificate_pem": {"type": "path"},
            "certificate_key_pem": {"type": "path"},
            "certificate_key_password": {"type": "str", "no_log": True},
            "negotiate_delegate": {"type": "bool"},
            "negotiate_hostname_override": {"type": "str"},
            "negotiate_send_cbt": {"type": "bool"},
            "negotiate_service": {"type": "str"},
            "credssp_auth_mechanism": {"type": "str", "choices": ["auto", "ntlm", "kerberos"]},
            "credssp_disable_tlsv1_2": {"type": "bool"},
            "credssp_minimum_version": {"type": "int"},
            "verify_certificate": {"type": "bool"},
            "ca_cert": {"type": "path"},
            "server_certificate_fingerprint": {"type": "str"},
            "proxy": {"type": "str"},
            "proxy_username": {"type": "str"},
            "proxy_password": {"type": "str", "no_log": True},
            "ignore_proxy": {"type": "bool"},
            "connection_timeout": {"type": "float"},
            "operation_timeout": {"type": "float"},
            "read_timeout": {"type": "float"},
            "reconnection_retries": {"type": "int"},
            "reconnection_backoff": {"type": "float"},
            "max_envelope_size": {"type": "int"},
            "problem": {"type": "str"},
            "logon_problem": {"type": "str"},
        },
    },
    "run_client_id": {"type": "str"},
}


DISCONNECT: Spec = {
    "idle_timeout": {"type": "int"},
    "output_buffering_mode": {"type": "str", "choices": list(BUFFERING_MODES)},
}

OWNER: Spec = {
    "owner": {"type": "list", "elements": "str"},
}

CONDITIONS: Spec = {
    "state": {"type": "str", "choices": ["all", "opened", "disconnected"], "default": "all"},
    "minimum_age": {"type": "int", "default": 0},
    "expires_within": {"type": "int"},
}

NEW_SESSIONS: Spec = {
    "name": {"type": "list", "elements": "str", "required": True},
}

# For cmdlets that act on the work in sessions: `Cmdlet.narrowing`.
ALL_KNOWN: Spec = {
    "all_known": {"type": "bool", "default": False},
}

LIVE: Spec = {
    "live": {"type": "str", "choices": ["none", "warnings", "progress", "output"], "default": "progress"},
}

TAKE: Spec = {
    **LIVE,
    "timeout": {"type": "int"},
    "recovery_timeout": {"type": "int", "default": 240},
    "when_done": {"type": "str", "choices": ["keep", "disconnect", "remove"], "default": "keep"},
    "journal": {"type": "path"},
    "max_output_objects": {"type": "int"},
    "expected_return_code": {"type": "list", "elements": "int", "default": [0]},
}

INVOKE: Spec = {
    "script": {"type": "str"},
    "path": {"type": "path"},
    "arguments": {"type": "list", "elements": "raw"},
    "parameters": {"type": "dict"},
    "sensitive_parameters": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            # Not str, which would take numbers and lists, too: YAML makes a number of what looks like one.
            "value": {"type": "raw", "no_log": True},
            "username": {"type": "raw"},
            "password": {"type": "raw", "no_log": True},
        },
    },
    "input": {"type": "list", "elements": "raw"},
    "command": {"type": "str"},
    "creates": {"type": "str"},
    "removes": {"type": "str"},
    "chdir": {"type": "str"},
    "error_action": {"type": "str", "choices": ["silently_continue", "continue", "stop"]},
    "in_disconnected_session": {"type": "bool", "default": False},
    "session_name": {"type": "list", "elements": "str"},
    "host_ui": {"type": "bool"},
}

RECEIVE: Spec = {
    "stop": {"type": "bool", "default": False},
    "idle_timeout": DISCONNECT["idle_timeout"],
}

REMOVE: Spec = {
    "force": {"type": "bool", "default": False},
}

JOB: Spec = {
    "job": {
        "type": "str",
        "required": True,
        "choices": ["start", "resume", "connect", "collect", "harvest", "list", "extend", "cleanup", "journal"],
    },
    "computer_name": SELECTION["computer_name"],
    "name": SELECTION["name"],
    "instance_id": SELECTION["instance_id"],
    "configuration_name": SELECTION["configuration_name"],
    "minimum_age": {"type": "int", "default": 3600},
    "expires_within": {"type": "int", "default": 3600},
    "idle_timeout": {"type": "int"},
    "busy_timeout": CHANGE["busy_timeout"],
    "when_done": TAKE["when_done"],
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": [reason.value for reason in Reason],
        "default": [reason.value for reason in Reason],
    },
    "output": {"type": "path"},
    "output_lines": {"type": "int", "default": 10},
    "start_anew": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
    "report_only": {"type": "bool", "default": False},
    "with_commands": {"type": "bool", "default": False},
    "remove": {"type": "bool", "default": False},
}

REPORT: Spec = {
    "results": {"type": "list", "elements": "dict", "required": True},
    "dest": {"type": "path", "required": True},
    "formats": {
        "type": "list",
        "elements": "str",
        "choices": ["html", "json", "csv"],
        "default": ["html", "json", "csv"],
    },
    "title": {"type": "str", "default": "PowerShell sessions"},
    "output_lines": {"type": "int", "default": 0},
    "mode": {"type": "raw", "default": "0600"},
}

SUMMARY: Spec = {
    "report": {"type": "path"},
    "report_output_lines": REPORT["output_lines"],
    "output": {"type": "path"},
    "sessions": {"type": "bool", "default": False},
}


def _without(spec: Spec, *names: str) -> Spec:
    return {name: option for name, option in spec.items() if name not in names}


# pssession_info may find nothing, and remove_pssession need not remove a session that does not exist.
_SKIP_MISSING: Spec = {"on_missing": {**FLOW["on_missing"], "default": "skip"}}
_SESSIONS: Spec = {**SELECTION, **COMPUTER, **LOGON, **FLOW}
# Options that only select among sessions that exist.
_EXISTING = ("session", "id", "instance_id", "require_each", "list_commands", "on_missing")

CONNECT_PSSESSION: Spec = {**_SESSIONS, **OWNER, **CHANGE, **CONNECT, **ENDPOINTS}
DISCONNECT_PSSESSION: Spec = {**_SESSIONS, **OWNER, **CHANGE, **DISCONNECT, **ENDPOINTS}
NEW_PSSESSION: Spec = {**_without(_SESSIONS, *_EXISTING), **NEW_SESSIONS, **CHANGE, **ENDPOINTS}
INVOKE_COMMAND: Spec = {**_SESSIONS, **ALL_KNOWN, **CHANGE, **INVOKE, **TAKE, **ENDPOINTS}
RECEIVE_PSSESSION: Spec = {
    **_without(_SESSIONS, "list_commands"),
    **ALL_KNOWN,
    **OWNER,
    **CHANGE,
    **TAKE,
    **RECEIVE,
    **ENDPOINTS,
}
REMOVE_PSSESSION: Spec = {
    **_SESSIONS,
    **ALL_KNOWN,
    **OWNER,
    **CHANGE,
    **CONDITIONS,
    **REMOVE,
    **ENDPOINTS,
    **_SKIP_MISSING,
}
PSSESSION_INFO: Spec = {**_SESSIONS, **OWNER, **CONDITIONS, **ENDPOINTS, **_SKIP_MISSING}
PSSESSION_LOOKUP: Spec = _SESSIONS

# What a job passes on to each call of a module.
OF_EACH_CALL: Spec = {**LOGON, **_without(FLOW, "list_commands", "on_missing", "on_error")}
_OF_JOBS: Spec = {**_without(COMPUTER, "allow_redirection"), **OF_EACH_CALL, "on_error": FLOW["on_error"]}
PSSESSION_JOB: Spec = {
    **_OF_JOBS,
    **OWNER,
    "list_commands": FLOW["list_commands"],
    **{name: INVOKE[name] for name in SCRIPT_OPTIONS},
    **{name: TAKE[name] for name in ("timeout", "journal", "expected_return_code", "live")},
    **JOB,
}
# Jobs by the entry points of the role; its variables are the options of the job.
ENTRY_POINTS: t.Mapping[str, str] = {
    "main": "connect",
    **{job: job for job in ("start", "collect", "harvest", "resume", "extend", "cleanup", "list", "journal")},
}
PSSESSION_ROLE: Spec = {"entry_point": {"type": "str", "required": True, "choices": list(ENTRY_POINTS)}, **_OF_JOBS}


def without_blank(given: t.Mapping[str, t.Any], spec: Spec) -> dict[str, t.Any]:
    """Return the options of a task without those that are null or blank text, and so with their defaults.

    AWX sends one or the other for an optional question of a survey without an answer.

    Args:
        given: The options before validation. Suboptions that have a specification are treated alike.
    """
    options = {name: option for key, option in spec.items() for name in (key, *option.get("aliases", ()))}
    kept = {}
    for name, value in given.items():
        suboptions = options.get(name, {}).get("options")
        if suboptions and isinstance(value, t.Mapping):
            value = without_blank(value, suboptions) or None
        if value is not None and not (isinstance(value, str) and not value.strip()):
            kept[name] = value
    return kept


def lists_of_text(options: t.Mapping[str, t.Any], given: t.Mapping[str, t.Any], spec: Spec) -> dict[str, t.Any]:
    """Return validated options with each line of lists of text as an item, and without blanks around commas.

    Surveys and command lines give lists as text, and Ansible splits it at the commas and keeps the blanks. Text areas
    give a line for each item, and end the last one, too.

    Args:
        given: The options before validation.
    """
    read = dict(options)
    for name, option in spec.items():
        if option.get("elements") != "str" or not options.get(name):
            continue
        texts = (given.get(each) for each in (name, *option.get("aliases", ())))
        had_commas = any(isinstance(text, str) and "," in text for text in texts)
        items = [line for item in options[name] for line in _lines(item)]
        read[name] = [item.strip() for item in items] if had_commas else items
    return read


def _lines(item: t.Any) -> list[t.Any]:
    """Return the lines of a text that are not blank, or what has no such line as it is."""
    lines = re.split(r"[\r\n]+", item) if isinstance(item, str) else []
    return [line for line in lines if line.strip()] or [item]


def list_of_sessions(value: t.Any) -> t.Any:
    """Return the option `session` as a list: one session is one, and so is JSON text, as surveys give it.

    What is none of these stays as it is, and the argument spec refuses it.
    """
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return [value] if isinstance(value, t.Mapping) else value


def without_aliases(options: t.Mapping[str, t.Any], spec: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return validated options under their proper names only, suboptions likewise and only those that were given.

    Validation adds null for suboptions that were not given, and a module on another host refuses null where there are
    choices.
    """
    return {name: _plain(options[name], spec[name].get("options")) for name in spec if name in options}


def _plain(value: t.Any, spec: t.Mapping[str, t.Any] | None) -> t.Any:
    if not spec or value is None:
        return value
    if isinstance(value, list):
        return [_plain(item, spec) for item in value]
    return {name: each for name, each in without_aliases(value, spec).items() if each is not None}
