# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invoke_command
short_description: Run scripts in PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Runs a script in PowerShell sessions (PSSessions) and returns what it gives, as C(Invoke-Command -Session) does on
    Windows. Several sessions run it side by side.
  - With O(in_disconnected_session) it opens sessions, starts the script in them and leaves them, as C(Invoke-Command
    -InDisconnectedSession) does. M(psremoting.fleet.receive_pssession) collects the results later, from anywhere.
  - The task has changed something as soon as a script was started, unless the script sets C($Ansible.Changed).
options:
  script:
    description:
      - The script. One of O(script), O(path) and O(command) is needed.
      - Text that a lookup read from a file in another encoding than UTF-8 is refused. O(path) reads UTF-16, too.
    type: str
  path:
    description:
      - File with the script, on the controller. Relative paths are looked up as those of C(ansible.builtin.copy) are.
      - The file is UTF-8, with or without a byte order mark, or UTF-16 with one. Another encoding is refused.
    type: path
  command:
    description:
      - Name of a function or cmdlet that the session has, instead of a script. O(parameters),
        O(sensitive_parameters), O(arguments) and O(input) are those of the command.
      - It is the only way to run something where the session configuration allows no scripts (C(NoLanguage)), as
        those of Just Enough Administration (JEA) do.
      - A command has no C($Ansible), so the task has changed something as soon as it was started. In check mode it is
        not started.
    type: str
  creates:
    description:
      - Path, with or without wildcards, on the computer. Where it exists, the script does not run, and nothing counts
        as changed. RV(results[].skip_reason) says so, and C(msg) where there is one result.
    type: str
  removes:
    description:
      - Path, with or without wildcards, on the computer. Where it does B(not) exist, the script does not run, in the
        same way.
    type: str
  chdir:
    description:
      - Location in which the script starts. It may be one of any PowerShell provider, such as V(HKLM:\\SOFTWARE).
      - Afterwards the session has its location of before.
    type: str
  error_action:
    description:
      - The C($ErrorActionPreference) of the script. By default it is that of the session, V(continue) in a new one.
      - With V(stop), a record in the error stream ends the script, and the command fails. With V(silently_continue),
        there are no such records.
      - Afterwards the session has its own preference again, whatever the script did to it.
    choices: [silently_continue, continue, stop]
    type: str
  arguments:
    description:
      - Positional arguments of the script.
    type: list
    elements: raw
  parameters:
    description:
      - Named parameters of the script, by their names without a dash.
      - A null value is C($null). V(true) and V(false) set and clear a C([switch]).
    type: dict
  sensitive_parameters:
    description:
      - Named parameters that the script gets as C(SecureString) or C(PSCredential), for passwords and the like.
      - Each has either O(sensitive_parameters[].value), or O(sensitive_parameters[].username) and
        O(sensitive_parameters[].password). All three must be text. A parameter is either here or in O(parameters).
      - For each start the server is asked for a key. Values and passwords are encrypted with it, whatever the transport
        does. They are in no result, log or journal.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the parameter, without a dash.
        type: str
        required: true
      value:
        description: The text of a C(SecureString).
        type: raw
      username:
        description: The user name of a C(PSCredential).
        type: raw
      password:
        description: The password of a C(PSCredential).
        type: raw
  input:
    description:
      - Objects for the input of the script (C($input)). A null value is C($null).
      - They are sent in requests as large as the server accepts. If a request fails, the task stops the script, and the
        error tells how many objects were delivered. M(psremoting.fleet.receive_pssession) takes what it gave. After a
        task that was killed, the next one with the same O(journal) does that.
      - A server takes 50 MB of input for one command, unless its session configuration says otherwise.
    type: list
    elements: raw
  in_disconnected_session:
    description:
      - Open a session of each name in O(session_name) on each computer, start the script in it, and disconnect.
      - Where a session of the name exists and has a command, it is left alone and nothing is started, so that a second
        run of the task does not start the work twice.
      - Where it exists and has no command, that is an error. Either the work was done and collected, or a task was
        killed after it had opened the session and before it started anything. With O(journal) the task knows that
        nothing was started, and starts the script in the session that was left behind.
      - Where the server refuses to start the script, the session that was opened for it is removed again.
    type: bool
    default: false
  session_name:
    description:
      - Names for the sessions that O(in_disconnected_session) opens. It needs them, and does not go together with
        O(name) and O(timeout).
      - Upper and lower case and blanks at the ends do not count.
    type: list
    elements: str
  host_ui:
    description:
      - Whether the host of the script has a user interface. By default it has one where the task waits for the script,
        and none with O(in_disconnected_session).
      - With a user interface, what the script writes to its host is in RV(results[].host_out) and
        RV(results[].host_err), and the warnings, verbose and debug messages and progress of jobs and of sessions that
        the script opens are received. A question, such as C(Read-Host) or a confirmation, waits until a task reads it.
        The task refuses it at once, and the script gets an error with the text of the question.
      - Without one, a question is an error at once. All text that goes to the host alone is lost, such as that of
        C(Out-Host), C(Out-Default) and C($Host.UI.WriteLine), and so are the warnings, verbose and debug messages and
        progress that C(Receive-Job) and sessions of the script show.
      - The text of C(Write-Host) is in RV(results[].information) in both cases.
    type: bool
  when_done:
    description:
      - The state of the sessions at the end. V(keep) keeps them connected, V(disconnect) disconnects from them.
      - V(remove) removes sessions whose command completed and whose output was all received. It keeps sessions without
        a command. It also keeps sessions whose command failed, was stopped, lost output, or ended with an exit code
        that is not in O(expected_return_code).
      - The task always disconnects from a session whose command still runs. With O(in_disconnected_session) it
        disconnects from all sessions and refuses V(remove).
    type: str
    choices: [keep, disconnect, remove]
    default: keep
  journal:
    description:
      - File on the machine where the task runs. The task writes and syncs each piece of output to this file before it
        does anything else with it. Only the owner can read the file.
      - If the path is a folder, or ends with a slash, each session has its own file there, named after its GUID. Tasks
        for different sessions can share a folder.
      - A server sends output only once. With a journal, a task that is killed at any moment loses no output. A second
        run with the same journal returns all of it.
      - The task also notes in the journal each session before it opens it, and each command before it starts it. Use
        the same journal for the tasks that start commands and those that receive their output.
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
  - psremoting.fleet._sessions.commands
  - psremoting.fleet._sessions.change
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name), O(connection_uri), O(session) and O(id),
    the computer is that host.
  - With a computer, O(name), O(instance_id) or O(session_name) is needed, so that no script runs in all sessions there
    by mistake. O(name=*) means all of them.
  - A task has no user who could answer a script. A script that asks for input (C(Read-Host), prompts) gets an error
    instead of an answer; O(host_ui) decides when.
  - A session keeps its state from one command to the next. C($ErrorActionPreference), C(Set-StrictMode), variables,
    functions, loaded modules and the current location stay as a script left them.
  - PowerShell ignores C(#requires) in a script that is sent to a session. The task warns about it.
  - A session does one thing at a time. Where a command still runs, or has output that was not received, nothing is
    started; that is an error with the reason V(busy). O(busy_timeout) waits for the end of the command.
  - Scripts find the variable C($Ansible), as those of C(ansible.windows.win_powershell) do. They set C(Changed) and
    C(Failed) to V(true) or V(false), put what the task is to return into C(Result) and C(Diff), and read C(CheckMode),
    C(Verbosity) and C(Tmpdir), a folder that exists until the script ends. The variable is there for the one command,
    and takes the place of a variable of that name in the session.
  - A script that ends by an error, C(throw) included, returns none of that. Use C($Ansible.Failed) to fail with a
    C(Result). The folder C($Ansible.Tmpdir) of a script that was stopped stays until the next command in the session.
  - In check mode a script that begins with C([CmdletBinding(SupportsShouldProcess)]) and C(param) is started with
    C(-WhatIf). The task connects to the session for that and leaves it as it was, whatever O(when_done) is. No session
    is opened, and nothing is written to the O(journal).
  - Other scripts are not started in check mode. Each session that would be used counts as changed, but for one that
    the server lists as connected. The end of the script is not known then; it counts as successful.
  - With O(creates), O(removes), O(chdir) or O(error_action), the script is a script block of a script of the task. Line
    numbers stay those of the script, and the stack trace has one level more.
  - A script that supports C(-Confirm) gets C(-Confirm:$false), unless O(parameters) has it.
  - A script is never started twice by itself. If the answer to the start got lost, the task asks the server for its
    commands. A command that is not there is started once more, with the same id. If the server cannot be asked, that is
    an error which says that it is not known whether the command started.
  - A script that fails or is stopped is an error of the task, and so is an exit code that O(expected_return_code) does
    not have. Records in its error stream alone are not. The task shows them and the script's warnings, with host and
    session. Errors and warnings that O(live) has not shown become warnings of the task at its end. A host has the
    outcome V(completed_with_errors) then.
seealso:
  - module: psremoting.fleet.receive_pssession
  - module: psremoting.fleet.new_pssession
  - name: Invoke-Command
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/invoke-command
"""

EXAMPLES = r"""
- name: Start the nightly work on each Windows host of the play, and disconnect
  psremoting.fleet.invoke_command:
    path: files/Test-Databases.ps1
    in_disconnected_session: true
    session_name: Nightly
    session_option:
      idle_timeout: 86400

- name: Give a script a password
  psremoting.fleet.invoke_command:
    name: Nightly
    script: |
      param([pscredential] $Account, [securestring] $Token)
      New-PSDrive -Name Backup -PSProvider FileSystem -Root \\backup01\data -Credential $Account
    sensitive_parameters:
      - name: Account
        username: svc-backup
        password: "{{ vault_backup_password }}"
      - name: Token
        value: "{{ vault_token }}"

- name: Run an installer, and restart the computer if it asks for that
  psremoting.fleet.invoke_command:
    name: ITTask
    script: |
      $installer = Start-Process msiexec -ArgumentList '/i', 'C:\\agent.msi', '/qn' -Wait -PassThru
      exit $installer.ExitCode
    expected_return_code: [0, 3010]
  register: installed

- name: Say what the script did
  psremoting.fleet.invoke_command:
    name: ITTask
    script: |
      [CmdletBinding(SupportsShouldProcess)]
      param ([int] $Days)
      $old = @(Get-ChildItem C:\Logs | Where-Object LastWriteTime -lt (Get-Date).AddDays(-$Days))
      $old | Remove-Item
      $Ansible.Changed = $old.Count -gt 0
      $Ansible.Result = @{ removed = $old.Count }
    parameters:
      Days: 30
  register: cleaned

- name: Unpack what is not there yet
  psremoting.fleet.invoke_command:
    name: ITTask
    script: Expand-Archive agent.zip -DestinationPath agent
    chdir: C:\Setup
    creates: C:\Setup\agent\agent.msi
    error_action: stop

- name: Run a function of a constrained endpoint
  psremoting.fleet.invoke_command:
    name: Helpdesk
    configuration_name: Helpdesk
    command: Reset-Printer
    parameters:
      Name: LP01

- name: Look into a session that is there
  psremoting.fleet.invoke_command:
    name: ITTask
    script: param($Name) Get-Variable $Name -ValueOnly
    parameters:
      Name: progress
  register: looked
  changed_when: false
"""

RETURN = r"""
results:
  description:
    - The output of the commands, one entry for each session, in the order in which the commands ended. In check mode it
      has entries only for scripts that support check mode.
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
      description: GUID of the command. Null if the session had no command.
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
          (O(host_ui)).
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
        - Null if this is not known. That is so for commands of other clients, for commands of O(command), and for
          commands that still run or ended with an error.
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
      description: The reason if O(creates) or O(removes) kept the script from running. Null if the script ran.
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
  description: The sessions, as M(psremoting.fleet.connect_pssession) returns them.
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
    _plugins.main(_plugins.INVOKE)


if __name__ == "__main__":
    main()
