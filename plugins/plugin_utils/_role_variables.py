"""The variables of the role's entry points: their types, choices and defaults, in one place.

Each has the name of an option of pssession_job behind the prefix, or is one of the role's own. The documentation in
roles/pssession/meta/argument_specs.yml is compared with this by a test.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import SCRIPT_OPTIONS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import HostVariables

PREFIX = "pssession_"
PER_HOST, FLEET = "per_host", "fleet"

Spec = _arguments.Spec
Values = dict[str, t.Any]

# Variables of the role alone; they are no options of a job.
OWN: Spec = {
    "way": {"type": "str", "choices": [PER_HOST, FLEET]},
    "other_hosts": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
}


def _option(name: str, **changes: t.Any) -> dict[str, t.Any]:
    return {**_arguments.PSSESSION_JOB[name], **changes}


def _options(*names: str) -> Spec:
    return {name: _option(name) for name in names}


def _without(name: str, choice: t.Any) -> dict[str, t.Any]:
    """Return an option without one of its choices."""
    return _option(name, choices=[each for each in _option(name)["choices"] if each != choice])


def _fail_on(*others: str) -> dict[str, t.Any]:
    """Return the option whose default is all reasons but some."""
    return _option("fail_on", default=[reason for reason in _option("fail_on")["default"] if reason not in others])


# The default of throttle_limit is that of the module, which module_defaults can set.
_SHARED: Spec = {**OWN, "throttle_limit": {"type": "int"}, **_options("fail_on")}
_SELECTION = _options("name", "instance_id", "configuration_name", "owner")
_BUSY: Spec = {"busy_timeout": _option("busy_timeout", default=90)}
_DAY: Spec = {"idle_timeout": _option("idle_timeout", default=86400)}
_ONE_NAME: Spec = {"name": _option("name", required=True)}
_SCRIPT = _options(*SCRIPT_OPTIONS, "configuration_name")
_OUTPUT = _options("output", "output_lines")
_JOURNAL: Spec = {"journal": _option("journal", required=True), **_options("expected_return_code")}

# For each entry point its variables, without the prefix.
SPECS: t.Mapping[str, Spec] = {
    "main": {
        **_SELECTION,
        **_BUSY,
        "when_done": _without("when_done", "remove"),
        **_options("idle_timeout"),
        **_SHARED,
    },
    "start": {**_ONE_NAME, **_SCRIPT, **_DAY, **_options("journal"), **_SHARED},
    "collect": {
        **_SELECTION,
        **_BUSY,
        **_options("timeout", "live"),
        **_JOURNAL,
        **_options("when_done", "idle_timeout"),
        **_OUTPUT,
        **_SHARED,
    },
    "harvest": {
        **_SELECTION,
        **_JOURNAL,
        "when_done": {**_without("when_done", "keep"), "default": "disconnect"},
        **_options("idle_timeout"),
        **_OUTPUT,
        **_SHARED,
        # A session that another client holds is for a later run.
        "fail_on": _fail_on("busy"),
    },
    "resume": {
        **_ONE_NAME,
        **_SCRIPT,
        **_options("owner"),
        **_DAY,
        **_BUSY,
        **_options("timeout", "live", "expected_return_code", "journal", "start_anew", "adopt"),
        **_OUTPUT,
        **_SHARED,
    },
    "extend": {
        **_options("name", "owner", "expires_within"),
        **_DAY,
        **_options("report_only", "busy_timeout"),
        **_SHARED,
        # A session that another client holds or that is gone needs no more time.
        "fail_on": _fail_on("busy", "expired"),
    },
    "cleanup": {**_options("name", "owner", "minimum_age", "with_commands", "remove", "busy_timeout"), **_SHARED},
    "journal": {**_options("name"), **_JOURNAL, **_OUTPUT, **_SHARED},
    "list": {
        **_options("name", "owner"),
        "list_commands": _option("list_commands", default=True),
        **_options("expires_within"),
        **_SHARED,
    },
}
# The full names of all of them.
VARIABLES = frozenset(f"{PREFIX}{name}" for spec in SPECS.values() for name in spec)


def named(spec: Spec) -> Spec:
    """Return a specification with the full names of the variables."""
    return {f"{PREFIX}{name}": option for name, option in spec.items()}


def given_to(entry_point: str, variables: HostVariables, names: t.Iterable[str] | None = None) -> Values:
    """Return the variables of an entry point that a host has, by their full names and templated.

    AWX sends blank text or null for an optional question of a survey without an answer; such a variable is not given.

    Args:
        names: Full names to which it is limited; None for all of them.

    Raises:
        VariableError: One of them cannot be templated.
    """
    spec = named(SPECS[entry_point])
    omit = variables.raw.get("omit")
    wanted = spec if names is None else names
    values = {name: variables[name] for name in wanted if name in variables.raw}
    return _arguments.without_blank({name: value for name, value in values.items() if _is_given(value, omit)}, spec)


def validated(entry_point: str, values: Values) -> Values:
    """Return the values of variables by the names of the options, with defaults for those that were not given.

    Raises:
        AnsibleActionFail: One of them has a wrong type or value, or is missing.
    """
    spec = named(SPECS[entry_point])
    validation = ArgumentSpecValidator(spec).validate(values)
    if validation.error_messages:
        raise AnsibleActionFail(f"{'; '.join(validation.error_messages)}. Nothing was sent.")
    options = _arguments.lists_of_text(validation.validated_parameters, values, spec)
    return {name.removeprefix(PREFIX): value for name, value in options.items()}


def _is_given(value: object, omit: object) -> bool:
    return value is not omit and not (omit is not None and isinstance(value, str) and value == omit)
