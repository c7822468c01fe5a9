"""Documentation of the options by which sessions of Windows tasks are kept, for the connection plugin."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  durable:
    description:
      - Whether a task whose controller was killed goes on when the play runs again. The task is not started a second
        time, but connects to the command that the earlier run has left, and gets its result.
      - It needs an O(scope). The sessions of the tasks are kept, as with O(reuse).
      - Modules that only read, and tasks in check mode, run again. See the guide for the limits.
    type: bool
    default: false
    vars:
      - name: ansible_psrp_durable
  scope:
    description:
      - A name for what is run, which later runs have in common, and nothing else has, such as V(monthly-updates). With
        O(durable), a task of a run finds the command of the same task of an earlier run with the same scope.
      - Runs that take place at the same time need different scopes.
    type: str
    vars:
      - name: ansible_psrp_scope
  durable_wait:
    description:
      - How long a task waits for a session that another controller, or another run of this one, is connected to, in
        seconds. A server lets go of a client that was killed after about a minute.
    type: int
    default: 90
    vars:
      - name: ansible_psrp_durable_wait
  durable_max_age:
    description:
      - How long ago a command may have been started, in seconds, so that a task takes its result for its own. The task
        fails if it finds an older one.
    type: int
    default: 3600
    vars:
      - name: ansible_psrp_durable_max_age
  reuse:
    description:
      - Whether a host's tasks share one session, rather than open one each. V(auto) leaves out tasks with C(no_log) or
        C(become), and runs of AWX.
      - Before each task the state of the process is put back to what it was at first. See the guide for what that is.
      - With O(durable) it is V(always).
    type: str
    choices: [never, auto, always]
    default: never
    vars:
      - name: ansible_psrp_reuse
  max_tasks:
    description:
      - After how many tasks a session that is kept is replaced by a new one, because modules leave memory behind.
    type: int
    default: 100
    vars:
      - name: ansible_psrp_max_tasks
  idle_timeout:
    description:
      - How long the server keeps a session without a client, in seconds, where O(reuse) or O(durable) keeps sessions. A
        server that allows less gets less.
      - The default is 900, and with O(durable) it is 43200.
    type: int
    vars:
      - name: ansible_psrp_idle_timeout
  client_secret:
    description:
      - With O(durable), a long random text that goes into the ids of sessions and commands, so that others cannot tell
        arguments by them. Controllers that are to join each other's commands need the same one.
      - The default is a file beside O(state_file), which is made the first time.
    type: str
    env:
      - name: PSSESSION_CLIENT_SECRET
  client_id:
    description:
      - With O(reuse) or O(durable), the identity by which servers know this controller, a GUID, as for the modules.
      - The default is that of O(state_file).
    type: str
  state_file:
    description:
      - The state file of the modules. The plugin keeps the state of its sessions in a folder beside it.
      - The default is C(pssession/state.sqlite3) in Ansible's home folder.
    type: str
  inventory_host:
    description: The host of the task, which is another one than the host of the connection where a task is delegated.
    type: str
    vars:
      - name: inventory_hostname
  role:
    description: The role of the task. Tasks of different roles do not share a session.
    type: str
    vars:
      - name: ansible_role_name
"""
