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
  - Finds PowerShell sessions (PSSessions) on Windows computers and connects to those that are disconnected, as
    C(Connect-PSSession) does on Windows. The work inside them has gone on meanwhile.
  - Only the account that opened a session can connect to it. It does not matter from which machine.
  - A session that this controller is connected to already is returned unchanged.
  - All sessions are tried, whatever happens to one of them; then the task fails with all errors in RV(ignore:errors).
    O(on_error) changes that.
options:
  application_private_data:
    description:
      - Also wait for what the server tells each connected session about itself (its C(ApplicationPrivateData)), such
        as the version of PowerShell. It costs at least one more request a session.
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
  - The task runs on the controller (or wherever C(delegate_to) sends it, if that is no Windows host). It never runs on
    Windows, and the task's own connection is never opened.
  - On a Windows host of the inventory, and with none of O(computer_name), O(connection_uri), O(session) and O(id), the
    computer is that host.
  - A connected session that its client does not use becomes disconnected again after about a minute. That is the
    server's doing and normal; the next task that needs the session takes it up again.
  - "Differences from the cmdlet: the computers are asked side by side, under O(throttle_limit). A session that is
    connected here already is returned and does not drop out. A session that is not found is an error, see
    O(on_missing). O(busy_timeout) waits. Credentials may be given with the local parameter sets, too, since a task
    remembers none. A session remembered as Opened is not believed: the server is asked."
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

- name: Connect to all sessions with a name like this on two computers of the inventory
  psremoting.fleet.connect_pssession:
    computer_name: [server01, server02]
    name: IT*
  delegate_to: localhost

- name: Wait for sessions that a crashed controller still holds
  psremoting.fleet.connect_pssession:
    name: Nightly*
    busy_timeout: 90

- name: Connect where there is something to connect to, and go on where there is not
  psremoting.fleet.connect_pssession:
    name: Patch*
    on_missing: skip

- name: Connect to what the lookup found
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
    - The sessions this controller is now connected to, in the order they got there; already connected ones included.
    - In check mode the sessions selected that would not be refused, as they were found.
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
      description: Name of the session; empty if it has none.
      type: str
      sample: ITTask
    computer_name:
      description: The computer, as it was named.
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
      description: V(Opened) or V(Disconnected), as seen from here.
      type: str
      sample: Opened
    availability:
      description:
        - V(Available), or V(Busy) if O(list_commands) found a command in it.
        - For a disconnected session V(None), or V(Busy) when another client is connected to it.
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
      description: Since when it is disconnected (UTC), if it is and the server says.
      type: str
      sample: "2026-11-23T22:10:00Z"
    expires_on:
      description: When the server will remove it if no client connects (UTC), if that is known.
      type: str
      sample: "2026-11-24T00:10:00Z"
    idle_timeout:
      description: Seconds that it may be disconnected.
      type: int
      sample: 7200
    max_idle_timeout:
      description: The longest idle timeout that the server allows, in seconds.
      type: int
      sample: 2147483
    output_buffering_mode:
      description: How output is handled while it is disconnected, V(Block) or V(Drop).
      type: str
      sample: Block
    owner:
      description: The account that opened it.
      type: str
      sample: SERVER01\operator
    client_ip:
      description: Address of the client that opened or last connected it.
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
      description: Whether the endpoint is reached by HTTPS.
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
        - How the task logged on, V(basic), V(kerberos), V(ntlm), V(credssp), V(digest) or V(certificate). For Negotiate
          it is what it came to, V(kerberos) or V(ntlm). It is V(negotiate) only where nothing was listed.
      type: str
      sample: kerberos
    tls:
      description:
        - V(verified) if all checks of the server's certificate were on, V(pinned) if only the certificate with
          O(server_certificate_fingerprint) was accepted, V(unverified) if a check was off, and V(none) without HTTPS.
      type: str
      sample: verified
    task_options:
      description:
        - Options of the task for the connection, without secrets. A later task with this session applies it again; see
          O(session).
      type: dict
      sample: {port: 15986}
    changed:
      description: Whether the task changed this session, or in check mode would have changed it.
      type: bool
      sample: true
    what_if:
      description: The line about this session in RV(what_if), or null if nothing would be done.
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
      description: The id PowerShell gives this error.
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
        - Why, in one word to go by. V(missing) means that nothing of that name or id is there, V(expired) that the
          session was known and exists no longer, V(busy) that another client is connected to it, V(unreachable) that
          the computer did not answer as WinRM does, V(access_denied) that it refused the log-on or the operation,
          V(command_failed) that the script ended with an error, V(failed) anything else.
      type: str
      sample: busy
    target:
      description: The session's GUID, or the value that was not found, if the cmdlet names one.
      type: str
      sample: ITTask
    computer_name:
      description: The computer, if it is about one.
      type: str
      sample: server01
    inventory_hostname:
      description: The inventory host whose variables were used, if it is about one.
      type: str
      sample: server01
    session_name:
      description: Name of the session, if it is about one.
      type: str
      sample: ITTask
    instance_id:
      description: GUID of the session, if it is about one.
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
      description: The computers that the error is about, if they are several. O(lockout_guard) makes such records.
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
    - A table of the sessions that the task has changed, 50 at most. In check mode the lines of RV(what_if), each with
      its host, 1000 at most. Errors follow, grouped by reason, unless they fail the task, whose C(msg) has them.
    - A task for several computers, or in a play for one host, shows it on the terminal. A task that runs for each
      host of a play shows the lines of check mode and such errors only. One with C(no_log) or C(until) shows nothing.
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
    _plugins.main(_plugins.CONNECT)


if __name__ == "__main__":
    main()
