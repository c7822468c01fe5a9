# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_job
short_description: Do a complete job with the PowerShell sessions of one host or of a fleet
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Does in one task what takes several tasks with the other modules. The playbooks of this collection and the role
    P(psremoting.fleet.pssession#role) use this module.
  - A task does its job for its own host, or for all hosts in O(computer_name) at once. An error of one host does not
    affect the others. The result has an entry for each host.
  - An option that is null or blank has its default. AWX sends such values for survey questions without an answer.
options:
  job:
    description:
      - V(start) opens a session with the name in O(name), starts a script in it and disconnects. If such a session
        exists with a command, the job does not start the script. If it exists without a command, this is an error.
      - V(resume) completes the work of a script. If no session of the name exists, it starts the script. If the script
        runs, it waits. Then it returns the output and removes the session. With O(journal), the script starts only once
        and no output is lost, even if the controller is killed.
      - V(connect) connects to sessions.
      - V(collect) waits for the commands in sessions and receives their output.
      - V(harvest) receives the output of commands that have ended, and does not wait. Commands that still run go on,
        and their sessions stay disconnected.
      - V(list) finds sessions.
      - V(extend) connects to sessions that expire within O(expires_within), and disconnects with a longer idle timeout.
        It does not receive output.
      - V(cleanup) finds sessions that have had no client for O(minimum_age) and have no command. With O(remove=true) it
        removes them. Otherwise it only shows them.
      - V(journal) returns the output of each host's commands from the journals in O(journal). It needs no session and
        asks no computer. If no journal has a host, this is an error with the reason V(missing). A script that failed is
        an error with the reason V(command_failed).
    type: str
    choices: [start, resume, connect, collect, harvest, list, extend, cleanup, journal]
    required: true
  computer_name:
    description:
      - The inventory hosts of the sessions. The default is the Windows host that the task runs for.
  name:
    description:
      - Names of the sessions. All jobs except V(start) and V(resume) accept wildcards, as
        M(psremoting.fleet.connect_pssession) does. An exact name takes precedence over a pattern.
      - Without names, the jobs V(connect), V(list), V(extend) and V(cleanup) work on all sessions. The jobs V(collect)
        and V(harvest) need names or O(instance_id). V(cleanup) with O(remove=true) needs names. V(*) means all
        sessions.
      - The jobs V(start) and V(resume) need exactly one name, without wildcards. Brackets are part of the name. A
        comma, V(*) and V(?) are refused.
      - Text is split at commas and line ends. Blanks at the ends of a name are ignored.
    type: list
    elements: str
  instance_id:
    description:
      - GUIDs of the sessions, for the jobs V(connect), V(collect) and V(harvest).
    type: list
    elements: str
  owner:
    description:
      - Only sessions of these accounts, with wildcards, as in M(psremoting.fleet.connect_pssession).
      - For the jobs V(resume), V(extend) and V(cleanup) the default is V(<own>), the account with which the task logs
        on to the host. For the other jobs the default is any account.
      - If the jobs V(extend) and V(cleanup) cannot decide whether a session belongs to this account, they fail for that
        host. Then set O(owner).
    type: list
    elements: str
  minimum_age:
    description:
      - For the job V(cleanup), the minimum number of seconds that a session has had no client.
    type: int
    default: 3600
  expires_within:
    description:
      - Seconds. The job V(extend) extends sessions that the server would remove within this time. V(list) has a line
        for each of them.
    type: int
    default: 3600
  script:
    description:
      - The script of the jobs V(start) and V(resume). One of O(script), O(path) and O(command) is needed.
    type: str
  path:
    description:
      - File with the script, on the controller. A relative path is resolved as in M(psremoting.fleet.invoke_command).
    type: path
  command:
    description:
      - Name of a function or cmdlet of the session, instead of a script. See
        O(psremoting.fleet.invoke_command#module:command).
    type: str
  creates:
    description:
      - Path on the computer, with or without wildcards. If it exists, the script does not run, and the work counts as
        done. See O(psremoting.fleet.invoke_command#module:creates).
    type: str
  removes:
    description:
      - Path on the computer, with or without wildcards. If it does B(not) exist, the script does not run, as with
        O(creates).
    type: str
  chdir:
    description:
      - Location in which the script starts. See O(psremoting.fleet.invoke_command#module:chdir).
    type: str
  error_action:
    description:
      - The C($ErrorActionPreference) of the script. See O(psremoting.fleet.invoke_command#module:error_action).
    choices: [silently_continue, continue, stop]
    type: str
  arguments:
    description:
      - Positional arguments of the script.
    type: list
    elements: raw
  parameters:
    description:
      - Named parameters of the script.
    type: dict
  sensitive_parameters:
    description:
      - Named parameters that the script gets as C(SecureString) or C(PSCredential), as in
        M(psremoting.fleet.invoke_command).
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
  idle_timeout:
    description:
      - Seconds that the servers keep sessions without a client. The jobs V(start) and V(resume) set it when they open
        sessions, the others when they disconnect.
      - If a server allows less, the jobs V(start) and V(resume) open the session with the server's maximum. They warn,
        and RV(lines) has the granted time.
      - The job V(extend) needs this option. If the server allows less, the session gets the server's maximum, but never
        less than it has.
    type: int
  busy_timeout:
    description:
      - Seconds to wait for sessions that another client is connected to.
      - After a client is killed, the server keeps it connected for about a minute. So V(90) is a good value.
    type: int
    default: 0
  timeout:
    description:
      - Seconds to wait for the end of each command, for the jobs V(resume) and V(collect). Without this option the task
        waits until the commands end.
      - After this time the task disconnects from the session, and the command goes on. For V(resume) this is an error.
    type: int
  journal:
    description:
      - For the jobs V(resume) and V(start), a folder on the controller. For each host it has the journal of the output
        (C(HOST.jsonl)) and the result (C(HOST.result.json)). Use one folder and one session name for one piece of work.
      - The job V(resume) continues work that V(start) started with the same folder. If the folder has a start or a
        result of a host, V(start) does nothing on this host.
      - V(resume) refuses a session of the name if the journal does not have its command; see O(adopt).
      - The folder may have other work for a host. Work is other work if its session name, script, command or parameters
        differ, or if O(creates), O(removes), O(chdir) or O(error_action) differ. Then the host fails, the job starts
        nothing, and it does not return the old result. Values of O(sensitive_parameters) are not compared. In folders
        of earlier versions, the job compares the session name at most.
      - For the jobs V(collect) and V(harvest), a journal as in M(psremoting.fleet.receive_pssession).
      - For the job V(journal), a journal on the controller, or a folder with journals. Any of these jobs may have
        written them.
    type: path
  output:
    description:
      - A folder on the controller for the output of commands, for the jobs V(resume), V(collect), V(harvest) and
        V(journal). For each command it gets the output as text (C(HOST/SESSION.txt)) and the entry of the results
        (C(HOST/SESSION.json)). Only the user of the controller can read these files. A file is never written in part.
      - The file of one command never replaces that of another. The file names of a second command with the same session
        name end with the first eight digits of its id.
      - Characters that are not allowed in file names are percent-encoded, as in URLs.
    type: path
  output_lines:
    description:
      - The maximum number of lines of output that the jobs V(resume), V(collect), V(harvest) and V(journal) show for
        each host. If there is more output, another line names its place. V(0) shows no output. If several hosts have
        the same output, it is shown once.
      - A task with C(no_log) shows no output.
    type: int
    default: 10
  live:
    description:
      - How much the job shows while it waits. See O(psremoting.fleet.receive_pssession#module:live).
    type: str
    choices: [none, warnings, progress, output]
    default: progress
  expected_return_code:
    description:
      - Exit codes that count as success. Any other code is an error with the reason V(command_failed).
    type: list
    elements: int
    default: [0]
  when_done:
    description:
      - The state of the sessions after the jobs V(connect), V(collect) and V(harvest). V(keep) keeps them connected,
        V(disconnect) disconnects from them.
      - V(remove) is for the jobs V(collect) and V(harvest). It removes sessions whose commands completed without an
        error and whose output was all received. It keeps all other sessions.
    type: str
    choices: [keep, disconnect, remove]
    default: keep
  start_anew:
    description:
      - For the job V(resume), start the script even if it may have been started before. That is so if the session
        exists without a command, or if the journal has a start but the session does not exist.
      - With this option, the script and its parameters may differ from those in the journal.
    type: bool
    default: false
  adopt:
    description:
      - For the job V(resume) with O(journal), accept a command that is not in the journal as this work. This is for
        work that the job V(start) started without a journal.
      - Without this option, the job refuses such a command, because it may belong to other work with the same session
        name.
    type: bool
    default: false
  list_commands:
    description:
      - For the job V(list), also list the commands in each session. A session with a command then has the availability
        V(Busy).
    type: bool
    default: false
  report_only:
    description:
      - For the job V(extend), only report which sessions expire.
    type: bool
    default: false
  with_commands:
    description:
      - For the job V(cleanup), include sessions with a command. Such a command may still run, or may have output that
        no client has received.
    type: bool
    default: false
  remove:
    description:
      - For the job V(cleanup), remove the sessions.
    type: bool
    default: false
  fail_on:
    description:
      - The reasons that make a host fail. Errors with other reasons are only reported.
    type: list
    elements: str
    choices: [unreachable, access_denied, failed, command_failed, busy, expired, missing]
    default: [unreachable, access_denied, failed, command_failed, busy, expired, missing]
  on_error:
    description:
      - How the task handles errors. V(fail_at_end) does the job for all hosts, and then fails if a host failed.
        V(report) does not fail. The result has the errors. V(stop) is refused.
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result.output
notes:
  - The task runs on the controller. With C(delegate_to) and a host that is not a Windows host, the modules that it
    calls run there. Then O(journal) is not possible, because its files are on the controller.
  - A job works on all hosts of O(computer_name) at the same time. If a host's journal is damaged, or another run uses
    it, this is an error of that host only.
  - In check mode the job calls each module in check mode. It starts and receives nothing, so it cannot predict steps
    that depend on the output.
seealso:
  - plugin: psremoting.fleet.of_host
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Complete the work of the night on each Windows host; run this again after any interruption
  psremoting.fleet.pssession_job:
    job: resume
    name: Nightly-2026-11-25
    path: nightly.ps1
    busy_timeout: 90
    journal: /var/lib/nightly/2026-11-25
  register: nightly

- name: Show the output
  ansible.builtin.debug:
    msg: "{{ nightly.hosts[inventory_hostname].results[0].output }}"

- name: Start a script on all Windows hosts by one task
  psremoting.fleet.pssession_job:
    job: start
    computer_name: "{{ groups['windows'] }}"
    name: Nightly
    path: nightly.ps1
    idle_timeout: 86400
    on_error: report
  register: started
  run_once: true

- name: Show the errors of hosts on which it was not started
  ansible.builtin.debug:
    msg: "{{ started.hosts.values() | selectattr('failed') | map(attribute='msg') }}"
  run_once: true
"""

RETURN = r"""
hosts:
  description:
    - The result of each host, with the keys host, outcome, changed, failed, msg, sessions, results, errors, missing and
      what_if. The filter P(psremoting.fleet.of_host#filter) describes them.
    - The jobs V(collect), V(harvest) and V(resume) add the key pending, the number of commands that still run.
  returned: always
  type: dict
stdout_lines:
  description:
    - The lines of output (O(output_lines)), the tables of sessions from V(list) and V(cleanup), the notes of the job,
      the predictions of check mode, and the errors that do not fail the task.
    - A task for several hosts, or in a play for one host, shows all these lines. A task that runs for each host of a
      play shows only the output and these errors.
  returned: always
  type: list
  elements: str
stdout:
  description: The same lines as one text.
  returned: always
  type: str
lines:
  description: The notes of the job, in order.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description:
        - The kind of the note.
        - V(expiring) is a session that V(extend) or V(list) found, and V(left_behind) is one that V(cleanup) found.
        - V(extended) is a session that V(extend) extended. Its keys are session and expires_on (the new time of
          expiry).
        - V(granted) is a session that V(start) or V(resume) opened with less than O(idle_timeout), because the server
          allows less. Its keys are session, idle_timeout (the granted seconds), asked and expires_on.
        - V(buffering) warns of a session that V(start) opened with the output buffering mode V(Drop). It loses output
          that is not received in time.
        - V(unreadable) names the part of a journal that the job V(journal) could not read. It is also a warning.
        - V(looked_for) lists the owners, names and conditions for which V(extend) or V(cleanup) looked, and V(nothing)
          is the reason why it did nothing.
        - V(missing) means that V(harvest) found no session. Its keys are names and journal.
        - V(pattern) means that a name with brackets was used as a pattern, because no session has exactly this name.
      type: str
    host:
      description: The host.
      type: str
    value:
      description: A line of text, or the session.
      type: raw
"""
