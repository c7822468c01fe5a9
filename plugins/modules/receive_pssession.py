# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: receive_pssession
short_description: Receive the results of commands in PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Connects to PowerShell sessions (PSSessions) and returns what the commands in them give, as C(Receive-PSSession)
    does on Windows, from many sessions at once.
  - It waits for their end, or for O(timeout), and says of each command whether it still runs, completed, failed or was
    stopped. With O(timeout=0) it takes what is there.
  - Servers hand out output once. With O(journal) none of it can get lost.
options:
  stop:
    description:
      - Stop the commands, and take what they have given until then. A command that goes on is stopped again every 5
        seconds.
    type: bool
    default: false
  when_done:
    description:
      - How the sessions are left at the end. V(keep) keeps them connected, V(disconnect) disconnects from them.
      - V(remove) removes those whose command completed and whose output was all received. It keeps sessions without a
        command, and those whose command failed, was stopped, lost output or ended with an exit code that
        O(expected_return_code) does not have.
      - A session whose command still runs is disconnected in any case.
    type: str
    choices: [keep, disconnect, remove]
    default: keep
  idle_timeout:
    description:
      - Seconds that the servers keep the sessions which the task disconnects. The default is
        O(session_option.idle_timeout), or else what each session has.
      - It must be at least 60. V(-1) is the default. Less than 900 (15 minutes) is a warning with the time of expiry.
    type: int
  journal:
    description:
      - File on the machine where the task runs, to which every piece of output is written and synced before anything
        else is done with it. It is readable for its owner only.
      - If it is a folder, or ends with a slash, each session has a file of its own there, named after its GUID. Tasks
        that work with different sessions can share a folder.
      - Servers hand out output once. With a journal a task that is killed at any moment loses nothing, and a second run
        with the same journal returns the whole.
      - One run at a time works with a journal, and its parallel tasks share it. Another run is refused before
        anything is sent. In a folder that is so for each session, and for starts of the same session name on the same
        computer. The end of a run releases the journal, a kill included.
    type: path
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._commands
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result.output
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.existing
  - psremoting.fleet._sessions.all_known
  - psremoting.fleet._sessions.owner
  - psremoting.fleet._sessions.change
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller (or wherever C(delegate_to) sends it, if that is no Windows host). It never runs on
    Windows, and the task's own connection is never opened.
  - On a Windows host of the inventory, and with none of O(computer_name), O(connection_uri), O(session) and O(id), the
    computer is that host.
  - With a computer, O(name) or O(instance_id) is needed. O(name=*) means all sessions there.
  - A task has no user who could answer a script. A command that asks for input (C(Read-Host), prompts) gets an error
    with the text of the question instead of an answer.
  - The commands of a session are received one after the other, and O(timeout) counts for each. A session whose commands
    cannot be listed, or that vanished before that, is an error.
  - A session without a command is connected to, and its entry in RV(results) is empty, with neither
    RV(results[].command_id) nor RV(results[].state). With O(journal), the results of its last command are returned from
    there; if the entry is empty all the same, no task with that journal ever started anything in the session.
  - A command that failed is an error of the task, and so is one that was stopped without O(stop), and an exit code
    that O(expected_return_code) does not have. Records in its error stream alone are not. The task shows them and the
    script's warnings, with host and session. Errors and warnings that O(live) has not shown become warnings of the
    task at its end. A host has the outcome V(completed_with_errors) then.
  - Messages of a command that cannot be read are an error, and everything else it gave is in RV(results). With
    O(journal) they are kept there, and later tasks warn of them.
  - The task has changed something if it connected to a session or received something, unless all commands of the
    session have ended and say with C($Ansible.Changed) that they changed nothing.
  - In check mode nothing is received.
seealso:
  - module: psremoting.fleet.invoke_command
  - name: Receive-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/receive-pssession
"""

EXAMPLES = r"""
- name: Collect what last night's work has to say
  psremoting.fleet.receive_pssession:
    name: Nightly
    busy_timeout: 90
    journal: /var/lib/nightly/{{ inventory_hostname }}.jsonl
  register: nightly

- name: Take what there is now, and leave the rest for later
  psremoting.fleet.receive_pssession:
    name: Nightly
    timeout: 0
"""

RETURN = r"""
results:
  description:
    - The output of the commands, one entry for each command, in the order in which they ended, and an empty one for a
      session without a command. The commands of one session come in the order in which the server lists them.
    - In check mode it is empty.
  returned: always
  type: list
  elements: dict
  contains:
    computer_name:
      description: The computer, as it was named.
      type: str
    name:
      description: Name of the session.
      type: str
    instance_id:
      description: GUID of the session.
      type: str
    inventory_hostname:
      description: The inventory host whose variables were used.
      type: str
    command_id:
      description: GUID of the command; none if the session has no command, and the journal knows of none.
      type: str
    state:
      description: V(Running), V(Completed), V(Failed) or V(Stopped); none without a command.
      type: str
      sample: Completed
    rc:
      description:
        - The code that the script called C(exit) with; none if it did not. The last call counts.
        - Codes are 32-bit integers. PowerShell makes a V(0) of what does not fit or is not a number.
      type: int
    reboot_required:
      description:
        - Whether the script ended with V(3010) or V(1641), by which installers ask for a restart, and
          O(expected_return_code) has that code.
      type: bool
    output:
      description:
        - The objects of the output stream. Dates are in ISO 8601, enumerations are their names, bytes are Base64,
          objects are dictionaries of their properties, secure strings are not shown.
        - Error, information, warning, verbose and debug records in the output, such as C(2>&1) puts there, have the
          form of their own stream.
        - The output of C(Format-Table) and the other Format cmdlets is text as on a console of 120 columns, one text
          for each line, with a warning. A table finds its column widths in the first 10000 rows.
        - Values that are too deep or too large are cut; an item or text that begins with C(...) marks the place.
      type: list
      elements: raw
    error:
      description: The records of the error stream, as C(ansible.windows.win_powershell) returns them.
      type: list
      elements: dict
    warning:
      description: The messages of the warning stream.
      type: list
      elements: str
    verbose:
      description: The messages of the verbose stream.
      type: list
      elements: str
    debug:
      description: The messages of the debug stream.
      type: list
      elements: str
    information:
      description: The records of the information stream, with message_data, source, time_generated and tags.
      type: list
      elements: dict
    progress:
      description: The last record of progress.
      type: dict
    host_out:
      description:
        - Text that the script wrote to its host and that is in no other stream. It needs a host with a user interface,
          see O(psremoting.fleet.invoke_command#module:host_ui).
        - Colours are left out. A text of more than 10,000,000 characters is cut, and a mark at its end that begins with
          C(...) says so.
      type: str
    host_err:
      description: Text that the script wrote to its host as errors, in the same way.
      type: str
    output_dropped:
      description:
        - Whether the server dropped output before a task received it. A session does that only if its output
          buffering mode is V(Drop), so it is false in others.
        - True if parts of a message are missing, or more messages than a session uses for itself. The server numbers
          them, but it does not say that it dropped some. So it is none for a session with the mode V(Drop) where too
          few are missing to be sure, or where other commands may have run before this one.
      type: bool
    beginning_received:
      description:
        - Whether the output begins at its beginning. A server gives each piece of output once, so a task or client that
          received from the command before has what it received then.
        - V(false) if another task or client has the beginning. When the command has ended, that is an error of a task
          with O(journal), which keeps the session, and a warning of a task without.
        - None if that is not known, as for commands of other clients, for those with
          O(psremoting.fleet.invoke_command#module:command), for those that run and for those that ended by an error.
      type: bool
    reconnections:
      description: How often the connection to the command broke and was replaced while this task received.
      type: int
    failure:
      description: The error that ended the command, if one did, in the form of RV(results[].error).
      type: dict
    changed:
      description:
        - Whether the script changed something. This is C($Ansible.Changed), which is V(true) unless the script sets it.
        - It is V(true) as well for a command that has not ended, or that ended by an error, and V(false) without a
          command.
      type: bool
    failed:
      description: Whether the script set C($Ansible.Failed). That is an error with the reason V(command_failed).
      type: bool
    result:
      description:
        - The value of C($Ansible.Result), in the form of RV(results[].output). Without that it is empty.
        - The values of a script that ends by an error are lost, here and in RV(results[].diff).
      type: raw
    diff:
      description: The value of C($Ansible.Diff), for tasks that show differences.
      type: dict
    skip_reason:
      description:
        - Why the script did not run, because of O(psremoting.fleet.invoke_command#module:creates) or
          O(psremoting.fleet.invoke_command#module:removes); none if it did.
      type: str
rc:
  description: The exit code of the script, as in RV(results[].rc).
  returned: when there is one result, and its script called C(exit)
  type: int
result:
  description: The value of C($Ansible.Result), as in RV(results[].result).
  returned: when there is one result, and its command has ended
  type: raw
output:
  description: The objects of the output stream, as in RV(results[].output).
  returned: when there is one result, and its command has ended
  type: list
  elements: raw
error:
  description: The records of the error stream, as in RV(results[].error).
  returned: when there is one result, and its command has ended
  type: list
  elements: dict
warning:
  description: The messages of the warning stream, as in RV(results[].warning).
  returned: when there is one result, and its command has ended
  type: list
  elements: str
verbose:
  description: The messages of the verbose stream, as in RV(results[].verbose).
  returned: when there is one result, and its command has ended
  type: list
  elements: str
debug:
  description: The messages of the debug stream, as in RV(results[].debug).
  returned: when there is one result, and its command has ended
  type: list
  elements: str
information:
  description: The records of the information stream, as in RV(results[].information).
  returned: when there is one result, and its command has ended
  type: list
  elements: dict
host_out:
  description: Text that the script wrote to its host, as in RV(results[].host_out).
  returned: when there is one result, and its command has ended
  type: str
host_err:
  description: Text that the script wrote to its host as errors, as in RV(results[].host_err).
  returned: when there is one result, and its command has ended
  type: str
reboot_required:
  description: Whether any of the RV(results) has RV(results[].reboot_required).
  returned: always
  type: bool
sessions:
  description: The sessions, as M(psremoting.fleet.connect_pssession) returns them.
  returned: always
  type: list
  elements: dict
errors:
  description:
    - The errors, one record for each computer, session or value, as M(psremoting.fleet.connect_pssession) returns
      them.
  returned: always
  type: list
  elements: dict
missing:
  description: Names, numbers and GUIDs without a session, for every value of O(on_missing).
  returned: always
  type: list
  elements: str
  sample: [NoSuchTask]
what_if:
  description:
    - The changes that a run would make, one line for each session, in the cmdlet's words. Sessions that would be
      refused are in RV(errors) instead.
    - If the server lists a session as connected, and this client may be the one that is, the line has both outcomes.
      The session does not count as changed then, since only a changing request would tell.
  returned: always, with lines in check mode
  type: list
  elements: str
  sample: ['What if: Performing the operation "Connect" on target "ITTask".']
stdout:
  description:
    - The output of the commands as text. Of several commands each has a heading, and an equal share of 1000 lines; all
      of it has 100,000 characters at most. Without a command it is a table of the sessions that the task has changed,
      50 at most; in check mode the lines of RV(what_if), each with its host. Errors follow, grouped by reason, unless
      they fail the task, whose C(msg) has them.
    - A task for several computers, or in a play for one host, shows on the terminal how each command ended, 50 at
      most, and no output. A task that runs for each host of a play shows the lines of check mode and such errors
      only. One with C(no_log) or C(until) shows nothing.
  returned: always
  type: str
stdout_lines:
  description: The lines of RV(stdout).
  returned: always
  type: list
  elements: str
parameter_set:
  description: The cmdlet's parameter set that the options meant.
  returned: always
  type: str
  sample: ComputerName
"""

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins


def main() -> None:
    _plugins.main(_plugins.RECEIVE)


if __name__ == "__main__":
    main()
