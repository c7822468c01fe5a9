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
  - Connects to PowerShell sessions (PSSessions) and returns the output of their commands, as C(Receive-PSSession) does
    on Windows. It receives from many sessions at once.
  - The task waits until the commands end or O(timeout) is over. For each command it returns whether the command still
    runs, completed, failed or was stopped. With O(timeout=0) it receives the output that is there, and does not wait.
  - A server sends output only once. With O(journal) no output can get lost.
options:
  stop:
    description:
      - Stop the commands and receive their output so far. If a command does not stop, the task sends the request again
        every 5 seconds.
    type: bool
    default: false
  when_done:
    description:
      - The state of the sessions at the end. V(keep) keeps them connected, V(disconnect) disconnects from them.
      - V(remove) removes sessions whose command completed and whose output was all received. It keeps sessions without
        a command. It also keeps sessions whose command failed, was stopped, lost output, or ended with an exit code
        that is not in O(expected_return_code).
      - The task always disconnects from a session whose command still runs.
    type: str
    choices: [keep, disconnect, remove]
    default: keep
  idle_timeout:
    description:
      - Seconds that the servers keep the sessions after the task disconnects. The default is
        O(session_option.idle_timeout), or else each session's present idle timeout.
      - It must be at least 60. V(-1) means the default. If it is less than 900 (15 minutes), a warning gives the time
        of expiry.
    type: int
  journal:
    description:
      - File on the machine where the task runs. The task writes and syncs each piece of output to this file before it
        does anything else with it. Only the owner can read the file.
      - If the path is a folder, or ends with a slash, each session has its own file there, named after its GUID. Tasks
        for different sessions can share a folder.
      - A server sends output only once. With a journal, a task that is killed at any moment loses no output. A second
        run with the same journal returns all of it.
      - Only one run at a time can use a journal. Its parallel tasks share the journal, and another run is refused
        before it sends anything. In a folder, this holds for each session, and for starts of the same session name on
        the same computer. When a run ends or is killed, the journal is free again.
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
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name), O(connection_uri), O(session) and O(id),
    the computer is that host.
  - With a computer, the task needs O(name) or O(instance_id). O(name=*) means all sessions there.
  - A task cannot answer questions. A command that asks for input (C(Read-Host), prompts) gets an error with the text of
    the question instead of an answer.
  - The task receives the commands of one session one after the other, and O(timeout) applies to each. If the commands
    of a session cannot be listed, or the session disappears before that, this is an error.
  - The task also connects to a session without a command. Its entry in RV(results) is empty, and
    RV(results[].command_id) and RV(results[].state) are null. With O(journal), the entry has the results of the
    session's last command from the journal. If it is still empty, no task with that journal has started a command in
    the session.
  - The task has an error for a command that failed, for one that was stopped without O(stop), and for an exit code that
    is not in O(expected_return_code). Records in the error stream alone are not an error of the task, but the host gets
    the outcome V(completed_with_errors). The task shows these records and the script's warnings with host and session.
    Those that O(live) has not shown become warnings at the end of the task.
  - If a message of a command cannot be read, this is an error. RV(results) has all other output of the command.
    O(journal) keeps the message, and later tasks warn of it.
  - The task counts as changed if it connected to a session or received output. The exception is a session whose
    commands have all ended and set C($Ansible.Changed) to false.
  - In check mode the task receives nothing.
seealso:
  - module: psremoting.fleet.invoke_command
  - name: Receive-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/receive-pssession
"""

EXAMPLES = r"""
- name: Collect the output of last night's work
  psremoting.fleet.receive_pssession:
    name: Nightly
    busy_timeout: 90
    journal: /var/lib/nightly/{{ inventory_hostname }}.jsonl
  register: nightly

- name: Receive the output so far, without waiting
  psremoting.fleet.receive_pssession:
    name: Nightly
    timeout: 0
"""

RETURN = r"""
results:
  description:
    - The output of the commands, one entry for each command, in the order in which they ended. A session without a
      command has an empty entry. The commands of one session are in the order in which the server lists them.
    - Empty in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    computer_name:
      description: Name of the computer as the task or the inventory gave it.
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
      description: GUID of the command. Null if neither the session nor the journal has a command.
      type: str
    state:
      description: V(Running), V(Completed), V(Failed) or V(Stopped). Null without a command.
      type: str
      sample: Completed
    rc:
      description:
        - The exit code with which the script called C(exit). Null if it did not. The last call counts.
        - Exit codes are 32-bit integers. PowerShell turns any other value into V(0).
      type: int
    reboot_required:
      description:
        - True if the script ended with V(3010) or V(1641), and O(expected_return_code) has that code. Installers use
          these codes to ask for a restart.
      type: bool
    output:
      description:
        - The objects of the output stream. Dates are text in ISO 8601, enumerations are their names, bytes are Base64,
          and objects are dictionaries of their properties. Secure strings are not shown.
        - Records of other streams can be in the output, for instance because of C(2>&1). They have the form of their
          own stream.
        - The output of C(Format-Table) and the other Format cmdlets is text for a console of 120 columns, one item for
          each line, with a warning. The first 10,000 rows of a table determine its column widths.
        - Values that are nested too deeply or too large are cut. An item or text that begins with C(...) marks the
          place.
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
      description: The last progress record.
      type: dict
    host_out:
      description:
        - Text that the script wrote to its host and that no other stream has. This needs a host with a user interface
          (O(psremoting.fleet.invoke_command#module:host_ui)).
        - It has no colours. A text of more than 10,000,000 characters is cut, and ends with a mark that begins with
          C(...).
      type: str
    host_err:
      description: Text that the script wrote to its host as errors, under the same conditions.
      type: str
    output_dropped:
      description:
        - Whether the server dropped output before a task received it. This can happen only with the output buffering
          mode V(Drop). With other modes the value is false.
        - The server numbers its messages, but does not report that it dropped some. The value is true if parts of a
          message are missing, or more messages than a session needs for itself. With the mode V(Drop), it is null if
          too few messages are missing to be sure, or if other commands may have run before this one.
      type: bool
    beginning_received:
      description:
        - Whether RV(results[].output) has the output from its beginning. A server sends each piece of output once. If
          another task or client received from the command before, only that one has the first part.
        - V(false) if another task or client has the first part. When the command has ended, this is an error in a task
          with O(journal), which then keeps the session. In a task without a journal it is a warning.
        - Null if this is not known. That is so for commands of other clients, for commands of
          O(psremoting.fleet.invoke_command#module:command), and for commands that still run or ended with an error.
      type: bool
    reconnections:
      description: How often the connection broke and was replaced while this task received output of the command.
      type: int
    failure:
      description: The error that ended the command, if any, in the form of RV(results[].error).
      type: dict
    changed:
      description:
        - Whether the script changed something. This is the value of C($Ansible.Changed), which is V(true) unless the
          script sets it.
        - It is also V(true) for a command that has not ended, or that ended with an error. It is V(false) without a
          command.
      type: bool
    failed:
      description: Whether the script set C($Ansible.Failed). In this case the task has an error with the reason
        V(command_failed).
      type: bool
    result:
      description:
        - The value of C($Ansible.Result), in the form of RV(results[].output). Empty if the script does not set it.
        - If a script ends with an error, this value and RV(results[].diff) are lost.
      type: raw
    diff:
      description: The value of C($Ansible.Diff), for runs with C(--diff).
      type: dict
    skip_reason:
      description:
        - The reason if O(psremoting.fleet.invoke_command#module:creates) or
          O(psremoting.fleet.invoke_command#module:removes) kept the script from running. Null if the script ran.
      type: str
rc:
  description: The exit code of the script, as in RV(results[].rc).
  returned: if there is one result, and its script called C(exit)
  type: int
result:
  description: The value of C($Ansible.Result), as in RV(results[].result).
  returned: if there is one result, and its command has ended
  type: raw
output:
  description: The objects of the output stream, as in RV(results[].output).
  returned: if there is one result, and its command has ended
  type: list
  elements: raw
error:
  description: The records of the error stream, as in RV(results[].error).
  returned: if there is one result, and its command has ended
  type: list
  elements: dict
warning:
  description: The messages of the warning stream, as in RV(results[].warning).
  returned: if there is one result, and its command has ended
  type: list
  elements: str
verbose:
  description: The messages of the verbose stream, as in RV(results[].verbose).
  returned: if there is one result, and its command has ended
  type: list
  elements: str
debug:
  description: The messages of the debug stream, as in RV(results[].debug).
  returned: if there is one result, and its command has ended
  type: list
  elements: str
information:
  description: The records of the information stream, as in RV(results[].information).
  returned: if there is one result, and its command has ended
  type: list
  elements: dict
host_out:
  description: Text that the script wrote to its host, as in RV(results[].host_out).
  returned: if there is one result, and its command has ended
  type: str
host_err:
  description: Text that the script wrote to its host as errors, as in RV(results[].host_err).
  returned: if there is one result, and its command has ended
  type: str
reboot_required:
  description: Whether RV(results[].reboot_required) is true in any of the RV(results).
  returned: always
  type: bool
sessions:
  description: The sessions, in the form of M(psremoting.fleet.connect_pssession).
  returned: always
  type: list
  elements: dict
errors:
  description:
    - The errors, one record for each computer, session or value, in the form of M(psremoting.fleet.connect_pssession).
  returned: always
  type: list
  elements: dict
missing:
  description: Names, numbers and GUIDs without a session, whatever the value of O(on_missing).
  returned: always
  type: list
  elements: str
  sample: [NoSuchTask]
what_if:
  description:
    - One line for each session that a run would change, in the cmdlet's words. Sessions that would be refused are in
      RV(errors) instead.
    - The server may list a session as connected without showing whether this client is the connected one. Then the line
      has both outcomes, and the session does not count as changed.
  returned: always, with lines in check mode
  type: list
  elements: str
  sample: ['What if: Performing the operation "Connect" on target "ITTask".']
stdout:
  description:
    - The output of the commands as text, at most 100,000 characters. If there are several commands, each has a heading,
      and they share 1000 lines equally. Without a command, a table of at most 50 sessions that the task changed. In
      check mode, the lines of RV(what_if), each with its host. Then follow the errors, grouped by reason. If the errors
      fail the task, they are in C(msg) instead.
    - A task for several computers, or in a play for one host, shows on the terminal how at most 50 commands ended, but
      not their output. A task that runs for each host of a play shows only the lines of check mode and these errors. A
      task with C(no_log) or C(until) shows nothing.
  returned: always
  type: str
stdout_lines:
  description: The lines of RV(stdout).
  returned: always
  type: list
  elements: str
parameter_set:
  description: The parameter set of the cmdlet that matches the options.
  returned: always
  type: str
  sample: ComputerName
"""

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins


def main() -> None:
    _plugins.main(_plugins.RECEIVE)


if __name__ == "__main__":
    main()
