# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pssession
short_description: Find PowerShell sessions on Windows computers
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Lists the PowerShell sessions (PSSessions) of Windows computers, as C(Get-PSSession -ComputerName) does on Windows.
  - The lookup runs on the controller. It does not connect to sessions and changes nothing on the computers.
  - In a task for a Windows host of the inventory, the default computer is that host.
options:
  _terms:
    description: Computers of the sessions, in addition to O(computer_name).
    type: list
    elements: str
  on_missing:
    description:
      - How the lookup handles a name, number or GUID without a session.
      - A lookup that finds nothing returns an empty list, so V(skip) is the default here.
    default: skip
  on_error:
    description:
      - How the lookup handles errors. V(fail_at_end) asks all computers, and then fails with all errors. V(stop) asks
        no more computers after the first error, and fails. V(report) returns the sessions found and warns of the
        errors.
extends_documentation_fragment:
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.existing
  - psremoting.fleet._sessions.commands
  - psremoting.fleet._sessions.sources
  - psremoting.fleet._sessions.controller_sources
notes:
  - An unknown option is an error. Ansible would ignore it, and the lookup would find more sessions than intended.
  - An option or variable that is null or blank has its default.
  - A lookup cannot see a password from the command line (C(--ask-pass)). Use a variable or O(credential).
seealso:
  - module: psremoting.fleet.connect_pssession
"""

EXAMPLES = r"""
- name: Show the sessions on a computer of the inventory
  ansible.builtin.debug:
    msg: "{{ item.name }} on {{ item.computer_name }} is {{ item.state }}, expires {{ item.expires_on }}"
  loop: "{{ query('psremoting.fleet.pssession', 'server01', name='IT*') }}"

- name: Connect to all of them
  psremoting.fleet.connect_pssession:
    session: "{{ query('psremoting.fleet.pssession', 'server01', name='IT*') }}"
  delegate_to: localhost

- name: Fail early if the session of this Windows host does not exist
  ansible.builtin.assert:
    that: query('psremoting.fleet.pssession', name='Nightly') | length > 0
"""

RETURN = r"""
_raw:
  description:
    - The sessions. Each is a dictionary in the form of M(psremoting.fleet.connect_pssession).
    - The state is V(Opened) if this controller is connected to the session, and V(Disconnected) otherwise. The
      availability of a disconnected session is V(Busy) if another client is connected to it.
  type: list
  elements: dict
"""

import difflib
import typing as t

from ansible.errors import AnsibleLookupError, AnsibleOptionsError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.error_groups import in_line
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import VariableError
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory
from ansible_collections.psremoting.fleet.plugins.plugin_utils._run_identity import of_this_run

display = Display()


class LookupModule(LookupBase):
    """Find PowerShell sessions on Windows computers."""

    def run(
        self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any
    ) -> list[dict[str, t.Any]]:
        """Return the sessions found."""
        _refuse_unknown(kwargs)
        kwargs = _arguments.without_blank(kwargs, _plugins.LOOKUP.spec)
        if kwargs.get("session"):
            kwargs["session"] = _arguments.list_of_sessions(kwargs["session"])
        self.set_options(var_options=_arguments.without_blank(variables or {}, {}), direct=kwargs)
        inventory = Inventory(variables or {}, self._templar, self._loader)
        result = _plugins.LOOKUP(
            self._options_for(terms, inventory), settings_of=inventory.settings_of, **of_this_run()
        )
        for warning in result["warnings"]:
            display.warning(warning)  # as tasks have it: Ansible shows the same text once
        if result.get("failed"):
            raise AnsibleLookupError(f"pssession: {result['msg']}")
        if result["errors"]:
            display.warning(f"pssession: {in_line(result['errors'])}")
        return t.cast("list[dict[str, t.Any]]", result["sessions"])

    def _options_for(self, terms: list[t.Any], inventory: Inventory) -> dict[str, t.Any]:
        spec = _plugins.LOOKUP.spec
        options = {name: self.get_option(name) for name in spec}
        computers = [*self._computers(terms), *(options["computer_name"] or ())]
        options["computer_name"] = computers or options["computer_name"]
        try:
            own_computer = inventory.own_computer()
        except VariableError as error:
            raise AnsibleLookupError(f"pssession: {error}. Nothing was sent.") from error
        if own_computer and _plugins.LOOKUP.may_take_own_computer(options):
            options["computer_name"] = [own_computer]
        elif _plugins.LOOKUP.takes_what_is_known(options) and (problem := inventory.why_no_computer()):
            raise AnsibleLookupError(f"pssession: {problem}")
        checked = ArgumentSpecValidator(spec).validate(
            {name: _plain(value) for name, value in options.items() if value is not None}
        )
        if checked.error_messages:
            raise AnsibleOptionsError(f"pssession: {', '.join(checked.error_messages)}")
        return _arguments.lists_of_text(checked.validated_parameters, options, spec)

    @staticmethod
    def _computers(terms: list[t.Any]) -> t.Iterator[str]:
        for term in terms:
            if isinstance(term, (list, tuple)):
                yield from map(str, term)
            else:
                yield str(term)


def _refuse_unknown(given: t.Iterable[str]) -> None:
    """Refuse options that the lookup does not have: Ansible ignores them, so a misspelt one would select too much."""
    spec = _plugins.LOOKUP.spec
    # Loops (with_psremoting.fleet.pssession) pass wantlist to every lookup.
    known = {*spec, "wantlist"}.union(*(option.get("aliases", ()) for option in spec.values()))
    for name in sorted(set(given) - known):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Its options are {', '.join(sorted(spec))}."
        raise AnsibleOptionsError(f"pssession: the lookup has no option {name}. {hint}")


def _plain(value: t.Any) -> t.Any:
    """Return a value in containers of Python's own; ansible-core's lazy ones drag their templar along when copied."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
