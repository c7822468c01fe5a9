# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connect_pssession
short_description: Connect to disconnected PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Finds PowerShell sessions (PSSessions) on Windows computers and connects to the disconnected ones, as
    C(Connect-PSSession) does on Windows. While a session is disconnected, its commands go on.
  - Only the account that opened a session can connect to it, but from any machine.
  - If this controller is already connected to a session, the task returns the session unchanged.
  - If one session fails, the task still tries all others. At the end it fails with all errors in RV(ignore:errors).
    O(on_error) changes this.
options:
  application_private_data:
    description:
      - Also return the properties that the server sends about itself (C(ApplicationPrivateData)), such as the version
        of PowerShell. This takes at least one more request for each session.
    type: bool
    default: false
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.existing
  - psremoting.fleet._sessions.owner
  - psremoting.fleet._sessions.commands
  - psremoting.fleet._sessions.change
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name), O(connection_uri), O(session) and O(id),
    the computer is that host.
  - The server disconnects a client that is silent for about a minute. This is normal. The next task that needs the
    session connects to it again.
  - "Differences from the cmdlet: The task asks the computers at the same time, up to O(throttle_limit). It also returns
    sessions that are connected already. A session that is not found is an error (O(on_missing)). O(busy_timeout) waits
    for sessions in use. Credentials are also allowed with the local parameter sets, because a task remembers none. The
    task asks the server even if it remembers a session as Opened."
seealso:
  - module: psremoting.fleet.disconnect_pssession
  - module: psremoting.fleet.pssession_info
  - module: psremoting.fleet.remove_pssession
  - plugin: psremoting.fleet.pssession
    plugin_type: lookup
  - name: Connect-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/connect-pssession
"""

EXAMPLES = r"""
- name: Connect to a session on each Windows host of the play
  psremoting.fleet.connect_pssession:
    name: ITTask
  register: reconnected

- name: Connect to all sessions with a name like IT* on two computers of the inventory
  psremoting.fleet.connect_pssession:
    computer_name: [server01, server02]
    name: IT*
  delegate_to: localhost

- name: Wait for sessions that a crashed controller still holds
  psremoting.fleet.connect_pssession:
    name: Nightly*
    busy_timeout: 90

- name: Connect to a session if it exists, and go on if it does not
  psremoting.fleet.connect_pssession:
    name: Patch*
    on_missing: skip

- name: Connect to the sessions that the lookup found
  psremoting.fleet.connect_pssession:
    session: "{{ query('psremoting.fleet.pssession', 'server01', name='IT*') }}"
  delegate_to: localhost

- name: Connect to the session with number 3 of this controller
  psremoting.fleet.connect_pssession:
    id: 3
  delegate_to: localhost

- name: Connect to a computer that is not in the inventory
  psremoting.fleet.connect_pssession:
    connection_uri: https://server03.example.com:5986/wsman
    name: ITTask
    authentication: basic
    credential:
      username: operator
      password: "{{ operator_password }}"
  delegate_to: localhost
"""

RETURN = r"""
sessions:
  description:
    - The sessions that this controller is connected to now, in the order in which they were connected. Sessions that
      were connected before are included.
    - In check mode, the selected sessions that would not be refused, in the state in which they were found.
    - Each is valid input for O(session) of this module.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Number of the session in this controller's state file (O(state_file)).
      type: int
      sample: 3
    name:
      description: Name of the session. Empty for a session without a name.
      type: str
      sample: ITTask
    computer_name:
      description: Name of the computer as the task or the inventory gave it.
      type: str
      sample: server01
    computer_type:
      description: Always V(RemoteMachine).
      type: str
      sample: RemoteMachine
    transport:
      description: Always V(WSMan).
      type: str
      sample: WSMan
    state:
      description: V(Opened) or V(Disconnected), as this controller sees it.
      type: str
      sample: Opened
    availability:
      description:
        - For a connected session V(Available), or V(Busy) if O(list_commands) found a command in it.
        - For a disconnected session V(None), or V(Busy) if another client is connected to it.
      type: str
      sample: Available
    configuration_name:
      description: Name of the session configuration.
      type: str
      sample: Microsoft.PowerShell
    instance_id:
      description: The GUID of the session.
      type: str
      sample: 0ee2bb5c-0000-0000-0000-31ad3d3b3a5b
    disconnected_on:
      description: The time at which the session was disconnected (UTC), if the server gives it.
      type: str
      sample: "2026-11-23T22:10:00Z"
    expires_on:
      description: The time when the server will remove the session if no client connects (UTC), if known.
      type: str
      sample: "2026-11-24T00:10:00Z"
    idle_timeout:
      description: Seconds that the session may be disconnected before the server removes it.
      type: int
      sample: 7200
    max_idle_timeout:
      description: The longest idle timeout that the server allows, in seconds.
      type: int
      sample: 2147483
    output_buffering_mode:
      description: How the server handles output while the session is disconnected, V(Block) or V(Drop).
      type: str
      sample: Block
    owner:
      description: The account that opened the session.
      type: str
      sample: SERVER01\operator
    client_ip:
      description: Address of the client that opened the session or connected to it last.
      type: str
      sample: 192.0.2.10
    application_name:
      description: Path of the WinRM endpoint.
      type: str
      sample: wsman
    port:
      description: Port of the WinRM endpoint.
      type: int
      sample: 5986
    use_ssl:
      description: Whether the endpoint uses HTTPS.
      type: bool
      sample: true
    connection_uri:
      description: Address of the WinRM endpoint.
      type: str
      sample: https://server01:5986/wsman
    inventory_hostname:
      description: The inventory host whose variables were used.
      type: str
      sample: server01
    authentication_used:
      description:
        - How the task logged on, V(basic), V(kerberos), V(ntlm), V(credssp), V(digest) or V(certificate). If the task
          used Negotiate, the value is the scheme that was negotiated, V(kerberos) or V(ntlm). It is V(negotiate) only
          if the task listed no sessions.
      type: str
      sample: kerberos
    tls:
      description:
        - V(verified) if the task made all checks of the server's certificate. V(pinned) if it accepted only the
          certificate with O(server_certificate_fingerprint). V(unverified) if a check was switched off. V(none) without
          HTTPS.
      type: str
      sample: verified
    task_options:
      description:
        - The task's options for the connection, without secrets. A later task with this session uses them again; see
          O(session).
      type: dict
      sample: {port: 15986}
    changed:
      description: Whether the task changed this session, or would have changed it in check mode.
      type: bool
      sample: true
    what_if:
      description: The line about this session in RV(what_if), or null if the session would not change.
      returned: in check mode
      type: str
      sample: 'What if: Performing the operation "Connect" on target "ITTask".'
    commands:
      description: The commands in the session, each with C(command_id), C(command_line) and C(state).
      type: list
      elements: dict
      returned: with O(list_commands)
    application_private_data:
      description: Properties that the server sent about itself.
      type: dict
      returned: with O(application_private_data)
errors:
  description: The errors, one record for each computer, session or value.
  returned: always
  type: list
  elements: dict
  contains:
    fully_qualified_error_id:
      description: PowerShell's id of this error.
      type: str
      sample: AccessDenied,PSSessionConnectFailed,Microsoft.PowerShell.Commands.ConnectPSSessionCommand
    category:
      description: PowerShell's category of the error.
      type: str
      sample: InvalidOperation
    message:
      description: The failed operation, its computer and session, and the reason.
      type: str
      sample: connecting to session ITTask on server01 failed
    reason:
      description:
        - The reason in one word, for conditions in playbooks. V(missing) means that no session has this name or id.
          V(expired) means that this controller knew the session, but it no longer exists. V(busy) means that another
          client is connected to the session. V(unreachable) means that the computer did not answer as WinRM does.
          V(access_denied) means that the computer refused the log-on or the operation. V(command_failed) means that the
          script ended with an error. V(failed) means any other error.
      type: str
      sample: busy
    target:
      description: The session's GUID or the value that was not found, if the cmdlet's error has one.
      type: str
      sample: ITTask
    computer_name:
      description: The computer, if the error is about one.
      type: str
      sample: server01
    inventory_hostname:
      description: The inventory host whose variables were used, if the error is about one.
      type: str
      sample: server01
    session_name:
      description: Name of the session, if the error is about one.
      type: str
      sample: ITTask
    instance_id:
      description: GUID of the session, if the error is about one.
      type: str
      sample: 0ee2bb5c-0000-0000-0000-31ad3d3b3a5b
    code:
      description: The WS-Management or Win32 error code, if there was one.
      type: int
      sample: 2150859213
    hint:
      description: The next step.
      type: str
      sample: Another client connected to the session meanwhile. Run the task again.
    computers:
      description: The computers, if the error is about several. Only O(lockout_guard) makes such records.
      type: list
      elements: dict
      returned: when there are several
      contains:
        computer_name:
          description: The computer.
          type: str
          sample: server04
        inventory_hostname:
          description: The inventory host.
          type: str
          sample: server04
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
    - A table of at most 50 sessions that the task changed. In check mode, at most 1000 lines of RV(what_if), each with
      its host. Then follow the errors, grouped by reason. If the errors fail the task, they are in C(msg) instead.
    - A task for several computers, or in a play for one host, shows this text on the terminal. A task that runs for
      each host of a play shows only the lines of check mode and these errors. A task with C(no_log) or C(until) shows
      nothing.
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
    _plugins.main(_plugins.CONNECT)


if __name__ == "__main__":
    main()
