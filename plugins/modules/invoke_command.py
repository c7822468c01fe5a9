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
  - Runs a script in PowerShell sessions (PSSessions) and returns its output, as C(Invoke-Command -Session) does on
    Windows. Several sessions run it at the same time.
  - With O(in_disconnected_session) the task opens sessions, starts the script in them and disconnects, as
    C(Invoke-Command -InDisconnectedSession) does. M(psremoting.fleet.receive_pssession) receives the output later, from
    any machine.
  - The task counts as changed when it has started a script, unless the script sets C($Ansible.Changed).
options:
  script:
    description:
      - The script. One of O(script), O(path) and O(command) is needed.
      - If a lookup read the text from a file, the file must be UTF-8; text from other encodings is refused. O(path)
        also reads UTF-16.
    type: str
  path:
    description:
      - File with the script, on the controller. A relative path is resolved as C(ansible.builtin.copy) does.
      - The file must be UTF-8, with or without a byte order mark, or UTF-16 with a byte order mark. Other encodings are
        refused.
    type: path
  command:
    description:
      - Name of a function or cmdlet of the session, instead of a script. O(parameters), O(sensitive_parameters),
        O(arguments) and O(input) apply to this command.
      - Some session configurations allow no scripts (C(NoLanguage)), such as those of Just Enough Administration (JEA).
        There this option is the only way to run something.
      - A command has no C($Ansible), so the task counts as changed when it has started the command. In check mode the
        task does not start it.
    type: str
  creates:
    description:
      - Path on the computer, with or without wildcards. If it exists, the script does not run, and the session does not
        count as changed. RV(results[].skip_reason) has the reason. If there is one result, C(msg) has it, too.
    type: str
  removes:
    description:
      - Path on the computer, with or without wildcards. If it does B(not) exist, the script does not run, as with
        O(creates).
    type: str
  chdir:
    description:
      - Location in which the script starts. It may belong to any PowerShell provider, such as V(HKLM:\\SOFTWARE).
      - After the script, the session returns to its previous location.
    type: str
  error_action:
    description:
      - The C($ErrorActionPreference) of the script. The default is the session's preference, which is V(continue) in a
        new session.
      - With V(stop), the first error record ends the script, and the command fails. With V(silently_continue), there
        are no error records.
      - After the script, the session has its own preference again, even if the script changed it.
    choices: [silently_continue, continue, stop]
    type: str
  arguments:
    description:
      - Positional arguments of the script.
    type: list
    elements: raw
  parameters:
    description:
      - Named parameters of the script. Names have no dash.
      - A null value becomes C($null). V(true) and V(false) set and clear a C([switch]).
    type: dict
  sensitive_parameters:
    description:
      - Named parameters for passwords and other secrets. The script gets them as C(SecureString) or C(PSCredential).
      - Each entry has either O(sensitive_parameters[].value), or both O(sensitive_parameters[].username) and
        O(sensitive_parameters[].password). All three must be text. A parameter must not be in O(parameters) as well.
      - For each start, the task asks the server for a key and encrypts values and passwords with it, whether or not the
        connection is encrypted. Results, logs and journals never have them.
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
      - Objects for the input of the script (C($input)). A null value becomes C($null).
      - The task sends them in requests as large as the server accepts. If a request fails, the task stops the script,
        and the error has the number of objects that were delivered. M(psremoting.fleet.receive_pssession) receives the
        output until then. If the task was killed, the next task with the same O(journal) stops the script.
      - By default, a server accepts 50 MB of input for one command. Its session configuration can change this.
    type: list
    elements: raw
  in_disconnected_session:
    description:
      - For each name in O(session_name), open a session on each computer, start the script in it and disconnect.
      - If a session of the name exists and has a command, the task does not start the script. So a second run of the
        task does not start the work twice.
      - If a session of the name exists without a command, this is an error. Perhaps the command ended and its output
        was received. Or a task was killed after it opened the session and before it started the script. O(journal)
        shows the difference. If it shows that the script was not started, the task starts it in this session.
      - If the server refuses to start the script, the task removes the session that it opened for it.
    type: bool
    default: false
  session_name:
    description:
      - Names for the sessions that O(in_disconnected_session) opens, which needs them. Do not combine this option with
        O(name) or O(timeout).
      - Case and blanks at the ends are ignored.
    type: list
    elements: str
  host_ui:
    description:
      - Whether the PowerShell host of the script has a user interface. The default is V(true) if the task waits for the
        script, and V(false) with O(in_disconnected_session).
      - With a user interface, RV(results[].host_out) and RV(results[].host_err) have the text that the script writes to
        its host. The results also have the warnings, verbose and debug messages and progress of the script's own jobs
        and sessions. A question, such as C(Read-Host) or a confirmation, waits until a task receives it. The task
        refuses it at once, and the script gets an error with the text of the question.
      - Without a user interface, a question is an error at once. Text that goes only to the host is lost, such as that
        of C(Out-Host), C(Out-Default) and C($Host.UI.WriteLine). The warnings, verbose and debug messages and progress
        of the script's own jobs and sessions are lost, too.
      - In both cases RV(results[].information) has the text of C(Write-Host).
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
  - With a computer, the task needs O(name), O(instance_id) or O(session_name), so that no script runs in all sessions
    by mistake. O(name=*) means all sessions there.
  - A task cannot answer questions. A script that asks for input (C(Read-Host), prompts) gets an error instead of an
    answer. O(host_ui) decides when.
  - A session keeps its state from one command to the next. This includes C($ErrorActionPreference), C(Set-StrictMode),
    variables, functions, loaded modules and the current location.
  - PowerShell ignores C(#requires) in a script that is sent to a session. The task warns about it.
  - A session runs one command at a time. If a command still runs in the session, or has output that was not received,
    the task does not start the script. This is an error with the reason V(busy). O(busy_timeout) waits for the end of
    the command.
  - Scripts have the variable C($Ansible), as with C(ansible.windows.win_powershell). A script sets C(Changed) and
    C(Failed) to V(true) or V(false), and gives values for the task's result in C(Result) and C(Diff). It reads
    C(CheckMode), C(Verbosity) and C(Tmpdir), a folder that exists until the script ends. The variable exists during
    this command only, and hides a variable of the same name in the session.
  - If a script ends with an error, such as C(throw), the values of C($Ansible) are lost. Use C($Ansible.Failed) to fail
    with a C(Result). If a script is stopped, its folder C($Ansible.Tmpdir) exists until the next command in the
    session.
  - In check mode, the task starts a script with C(-WhatIf) if it begins with C([CmdletBinding(SupportsShouldProcess)])
    and C(param). The task connects to the session for this, and afterwards restores its state, whatever O(when_done)
    is. It opens no session and writes nothing to the O(journal).
  - In check mode the task does not start other scripts. Each session in which it would start a script counts as
    changed, except a session that the server lists as connected. The script counts as successful.
  - With O(creates), O(removes), O(chdir) or O(error_action), the task wraps the script in a script of its own. Line
    numbers do not change, but the stack trace has one more level.
  - A script that supports C(-Confirm) gets C(-Confirm:$false), unless O(parameters) has it.
  - The task never starts a script twice. If the answer to the start is lost, the task lists the commands on the server.
    If the command is not listed, the task starts it again with the same id. If the task cannot list the commands, it
    fails, and the error says that the command may have started.
  - The task has an error for a script that failed or was stopped, and for an exit code that is not in
    O(expected_return_code). Records in the error stream alone are not an error of the task, but the host gets the
    outcome V(completed_with_errors). The task shows these records and the script's warnings with host and session.
    Those that O(live) has not shown become warnings at the end of the task.
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

- name: Return a result from the script
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

- name: Unpack an archive unless it was unpacked before
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

- name: Read a variable of a session
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
    _plugins.main(_plugins.INVOKE)


if __name__ == "__main__":
    main()
