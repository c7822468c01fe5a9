# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_job
short_description: Do a whole job with the PowerShell sessions of one host or of a fleet
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Does what takes several tasks with the other modules, and makes the decisions between them. The playbooks of this
    collection and the role P(psremoting.fleet.pssession#role) are made of it.
  - A task does its job for the host that it runs for, or for all hosts in O(computer_name) at once. Each host fares for
    itself, and the result has an entry for each.
  - Options that are null or blank, as surveys of AWX give them without an answer, have their defaults.
options:
  job:
    description:
      - V(start) starts a script in a new disconnected session of the name in O(name). Where a session of the name
        exists and has a command, nothing is started. Where it exists without a command, that is an error.
      - V(resume) brings the work of a script to its end, from wherever it is. It starts the script where no session of
        the name exists, waits for it where it runs, returns what it gave, and removes the session. With O(journal) the
        script is started once, whatever happens to the controller, and none of its output is lost.
      - V(connect) connects to sessions.
      - V(collect) receives what the commands in sessions give.
      - V(harvest) receives what commands have given that have ended, and waits for none. The sessions of the others
        stay disconnected, and their commands go on.
      - V(list) finds sessions.
      - V(extend) connects to sessions that expire within O(expires_within) and disconnects from them with a longer idle
        timeout. Nothing of their output is received.
      - V(cleanup) finds sessions that were left behind, and removes them with O(remove=true). Without it the job shows
        what would be removed.
      - V(journal) returns what the journals in O(journal) have of the commands of each host. It needs no session, and
        asks no computer. A host that is in none of them is an error with the reason V(missing), and a script that
        failed is one with the reason V(command_failed).
    type: str
    choices: [start, resume, connect, collect, harvest, list, extend, cleanup, journal]
    required: true
  computer_name:
    description:
      - The hosts of the inventory whose sessions are meant. The default is the Windows host that the task runs for.
  name:
    description:
      - Names of the sessions. All jobs but V(start) and V(resume) take wildcards, as
        M(psremoting.fleet.connect_pssession) does; a session that is called exactly so comes first.
      - Without names the jobs V(connect), V(list), V(extend) and V(cleanup) mean all sessions. The jobs V(collect) and
        V(harvest) need names or O(instance_id), and V(cleanup) with O(remove=true) needs names. V(*) means all.
      - The jobs V(start) and V(resume) take exactly one name, literally. Brackets belong to it. A comma, V(*) and V(?)
        are refused.
      - Text is split at its commas and lines, and blanks around them do not count.
    type: list
    elements: str
  instance_id:
    description:
      - GUIDs of the sessions, for the jobs V(connect), V(collect) and V(harvest).
    type: list
    elements: str
  owner:
    description:
      - Only sessions of these accounts, with wildcards, as M(psremoting.fleet.connect_pssession) takes them.
      - The default of the jobs V(resume), V(extend) and V(cleanup) is V(<own>), the account that the host is logged on
        to with, and that of the others is any account.
      - Where nothing shows whether a session belongs to the own account, the jobs V(extend) and V(cleanup) fail for
        that host. Name the owner then.
    type: list
    elements: str
  minimum_age:
    description:
      - Seconds that a session has been without a client, at least, for the job V(cleanup).
    type: int
    default: 3600
  expires_within:
    description:
      - Seconds. The job V(extend) extends sessions that their server would remove sooner, and V(list) has a line for
        each of them.
    type: int
    default: 3600
  script:
    description:
      - The script of the jobs V(start) and V(resume). One of O(script), O(path) and O(command) is needed.
    type: str
  path:
    description:
      - File with the script, on the controller. A relative path is looked for as the module
        M(psremoting.fleet.invoke_command) does.
    type: path
  command:
    description:
      - Name of a function or cmdlet that the session has, instead of a script. See
        O(psremoting.fleet.invoke_command#module:command).
    type: str
  creates:
    description:
      - Path, with or without wildcards, on the computer. Where it exists, the script does not run, and the work is
        done. See O(psremoting.fleet.invoke_command#module:creates).
    type: str
  removes:
    description:
      - Path, with or without wildcards, on the computer. Where it does B(not) exist, the script does not run, in the
        same way.
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
      - Named parameters that the script gets as C(SecureString) or C(PSCredential), as with
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
      - Seconds for which the servers keep sessions without a client. The jobs V(start) and V(resume) open sessions with
        it, the others disconnect with it.
      - If a server allows less, the jobs V(start) and V(resume) open the session with the most that it allows. A
        warning and the lines of the result say so.
      - The job V(extend) needs it. It gives a session less where the server allows less, and never less than it has.
    type: int
  busy_timeout:
    description:
      - Seconds to wait for sessions that another client is connected to.
      - After a client is killed, the server keeps it connected for about a minute. So V(90) is a good value.
    type: int
    default: 0
  timeout:
    description:
      - Seconds to wait for the end of each command, for the jobs V(resume) and V(collect). Without it the task waits as
        long as they run.
      - After that a command goes on, and its session is disconnected. For V(resume) that is an error.
    type: int
  journal:
    description:
      - For the jobs V(resume) and V(start) a folder on the controller, in which each host has the journal of its output
        (C(HOST.jsonl)) and its result (C(HOST.result.json)). One folder and one session name stand for one piece of
        work.
      - The job V(resume) knows what V(start) began with the same folder. V(start) leaves hosts as they are of which the
        folder has a start or a result.
      - A session of the name with a command that the journal does not know is refused by V(resume); see O(adopt).
      - Where the folder has work of another session name, script, command or parameters for a host, or with another one
        of O(creates), O(removes), O(chdir) and O(error_action), the host fails. Nothing is started, and the result
        there is not returned. Values of O(sensitive_parameters) do not count. Of what earlier versions wrote, the
        folder has the session name at most.
      - For the jobs V(collect) and V(harvest) a journal as with M(psremoting.fleet.receive_pssession).
      - For the job V(journal) the journal to read, or the folder with journals, whichever of these wrote it. It is on
        the controller.
    type: path
  output:
    description:
      - A folder on the controller for the output of commands, for the jobs V(resume), V(collect), V(harvest) and
        V(journal). The output of each command is written to C(HOST/SESSION.txt) for people, and its entry of the
        results to C(HOST/SESSION.json). Only the user can read them. Each file is written whole or not at all.
      - A file is never replaced by that of another command. A second command of a session name gets the first eight
        digits of its id behind the name.
      - Characters that a file name cannot have are written with percent signs, as in URLs.
    type: path
  output_lines:
    description:
      - How many lines of output the jobs V(resume), V(collect), V(harvest) and V(journal) show of each host, at most. A
        line says where the rest is. With V(0) no output is shown. Equal output of several hosts is shown once.
      - A task with C(no_log) shows none.
    type: int
    default: 10
  live:
    description:
      - Shown while the job waits. See O(psremoting.fleet.receive_pssession#module:live).
    type: str
    choices: [none, warnings, progress, output]
    default: progress
  expected_return_code:
    description:
      - Exit codes of scripts that are a success. Any other code is an error with the reason V(command_failed).
    type: list
    elements: int
    default: [0]
  when_done:
    description:
      - How the sessions are left after the jobs V(connect), V(collect) and V(harvest). V(keep) stays connected,
        V(disconnect) disconnects.
      - V(remove) is for the jobs V(collect) and V(harvest). It removes sessions whose commands have completed and were
        received to their end without an error, and keeps the others.
    type: str
    choices: [keep, disconnect, remove]
    default: keep
  start_anew:
    description:
      - For the job V(resume), start the work where it is not known whether it was started before. Its session exists
        without a command, or does not exist although the journal has a start.
      - Then the script may also be another one than that of the journal, or have other parameters.
    type: bool
    default: false
  adopt:
    description:
      - For the job V(resume) with O(journal), take a command that the journal does not know for the work. That is for
        work that the job V(start) began.
      - Without it such a command is refused, since it may be that of other work with the same session name.
    type: bool
    default: false
  list_commands:
    description:
      - For the job V(list), also list the commands in each session. A session with a command is Busy.
    type: bool
    default: false
  report_only:
    description:
      - For the job V(extend), only report which sessions expire.
    type: bool
    default: false
  with_commands:
    description:
      - For the job V(cleanup), include sessions with a command. It may still run, or have output that no client has
        received.
    type: bool
    default: false
  remove:
    description:
      - For the job V(cleanup), remove the sessions.
    type: bool
    default: false
  fail_on:
    description:
      - The reasons of errors that count as a failure of a host.
    type: list
    elements: str
    choices: [unreachable, access_denied, failed, command_failed, busy, expired, missing]
    default: [unreachable, access_denied, failed, command_failed, busy, expired, missing]
  on_error:
    description:
      - How errors are handled. V(fail_at_end) does the job for all hosts and then fails if any of them failed.
        V(report) does not fail; the result has the errors. V(stop) is refused.
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result.output
notes:
  - The task runs on the controller. Its calls of modules run wherever C(delegate_to) sends the task, if that is not a
    Windows host. Then O(journal) cannot be used, since its files are on the controller.
  - Each job works with all hosts of O(computer_name) side by side. A journal that cannot be used, or that another run
    works with, is an error of its host alone.
  - In check mode the job calls each module in check mode. It starts and receives nothing, so it foresees as far as that
    goes.
seealso:
  - plugin: psremoting.fleet.of_host
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Bring the work of the night to its end on each Windows host; run this again after any interruption
  psremoting.fleet.pssession_job:
    job: resume
    name: Nightly-2026-11-25
    path: nightly.ps1
    busy_timeout: 90
    journal: /var/lib/nightly/2026-11-25
  register: nightly

- name: Show what it gave
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

- name: Show the hosts where it was not started
  ansible.builtin.debug:
    msg: "{{ started.hosts.values() | selectattr('failed') | map(attribute='msg') }}"
  run_once: true
"""

RETURN = r"""
hosts:
  description:
    - For each host what is about it, with the keys host, outcome, changed, failed, msg, sessions, results, errors,
      missing and what_if, as the filter P(psremoting.fleet.of_host#filter) returns them.
    - The jobs V(collect), V(harvest) and V(resume) add pending, the number of commands that still run.
  returned: always
  type: dict
stdout_lines:
  description:
    - The lines of output that were shown, as O(output_lines) says; tables of the sessions that V(list) or V(cleanup)
      has found; what the job noticed and, in check mode, foresees; and errors that do not fail the task.
    - A task for several hosts, or in a play for one host, shows them. A task that runs for each host of a play shows
      output and such errors only.
  returned: always
  type: list
  elements: str
stdout:
  description: The same as one text.
  returned: always
  type: str
lines:
  description: Lines to show, in order.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description:
        - The kind of the line. V(expiring) is a session that V(extend) or V(list) has found, V(buffering) that a
          session that V(start) opened loses output that is not received in time (V(Drop)), V(left_behind) a session of
          V(cleanup). Output is in RV(hosts) alone. V(extended) has, for a session that V(extend) gave more time, the
          keys session and expires_on, the new time. V(granted) has, for a session that V(start) or V(resume) opened,
          the idle timeout that the server granted in seconds, if it is less than O(idle_timeout), with the keys
          session, idle_timeout, asked and expires_on. V(unreadable) says what could not be read in a journal, for
          V(journal); it is a warning as well. V(looked_for) says whose sessions V(extend) or V(cleanup) has looked
          for, of which names and conditions, and V(nothing) why nothing was done there. V(missing) has, where
          V(harvest) found no session, the keys names and journal. V(pattern) says that a name with brackets was taken
          as a pattern, since no session is called so.
      type: str
    host:
      description: The host.
      type: str
    value:
      description: A line of text, or the session.
      type: raw
"""
