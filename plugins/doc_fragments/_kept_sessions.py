"""Documentation of the connection plugin's options for sessions that are kept between tasks."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  durable:
    description:
      - Whether a task goes on when its controller was killed and the play runs again. The second run does not start the
        command again. It connects to the command of the first run and receives its result.
      - This needs an O(scope). The tasks of a host share a session, as with O(reuse=always).
      - Modules that only read run again, and so do tasks in check mode. The guide has the limits.
    type: bool
    default: false
    vars:
      - name: ansible_psrp_durable
  scope:
    description:
      - A name for the work of the play, such as V(monthly-checks). Give each later run of the same work the same scope,
        and other work another one. With O(durable), a task finds the command that the same task started in an earlier
        run with the same scope.
      - Runs at the same time need different scopes.
    type: str
    vars:
      - name: ansible_psrp_scope
  durable_wait:
    description:
      - Seconds that a task waits for a session that another controller or another run is connected to. The server
        disconnects a killed client after about a minute.
    type: int
    default: 90
    vars:
      - name: ansible_psrp_durable_wait
  durable_max_age:
    description:
      - The maximum age, in seconds since its start, of a command whose result a task takes over. The task fails if it
        finds an older command.
    type: int
    default: 3600
    vars:
      - name: ansible_psrp_durable_max_age
  reuse:
    description:
      - Whether the tasks of a host share one session. With V(never), each task opens its own. V(auto) shares it except
        for tasks with C(no_log) or C(become), and except in AWX.
      - Before each task the plugin restores the initial state of the PowerShell process. The guide lists what that
        includes.
      - With O(durable), this option is always V(always).
    type: str
    choices: [never, auto, always]
    default: never
    vars:
      - name: ansible_psrp_reuse
  max_tasks:
    description:
      - The number of tasks after which a new session replaces a shared one, because modules leak memory in the process.
    type: int
    default: 100
    vars:
      - name: ansible_psrp_max_tasks
  idle_timeout:
    description:
      - Seconds that the server keeps a shared session without a client (O(reuse), O(durable)). If the server allows
        less, the session gets the maximum of the server.
      - The default is 900, and with O(durable) it is 43200.
    type: int
    vars:
      - name: ansible_psrp_idle_timeout
  client_secret:
    description:
      - A long random text, for O(durable). It is part of the ids of sessions and commands, so that others cannot guess
        arguments from the ids. A controller that is to take over the commands of another one needs the same text.
      - The default is the content of a file beside O(state_file). The first task creates that file.
    type: str
    env:
      - name: PSSESSION_CLIENT_SECRET
  client_id:
    description:
      - The GUID by which servers know this controller, for O(reuse) and O(durable). It means the same as for the
        modules.
      - The default is the identity in O(state_file).
    type: str
  state_file:
    description:
      - The state file of the modules. The plugin keeps the state of its sessions in a folder beside it.
      - The default is C(pssession/state.sqlite3) in Ansible's home folder.
    type: str
  inventory_host:
    description: The host of the task. For a delegated task, the connection belongs to another host.
    type: str
    vars:
      - name: inventory_hostname
  role:
    description: The role of the task. Tasks of different roles do not share a session.
    type: str
    vars:
      - name: ansible_role_name
"""
