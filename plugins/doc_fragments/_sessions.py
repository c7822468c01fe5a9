"""Documentation of the options that several modules share: the selection of sessions, and changes of them.

plugins/module_utils/_arguments.py has their specifications. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Each module takes those that its cmdlet has.
    URI = r"""
options:
  connection_uri:
    description:
      - Addresses of WinRM endpoints, such as V(https://server01:5986/wsman).
      - The default port is that of the scheme (80 or 443), and the default path is V(/wsman), as with the cmdlet.
    type: list
    elements: str
    aliases: [uri, cu]
  allow_redirection:
    description:
      - Follow redirections of O(connection_uri), at most O(session_option.maximum_redirection) of them, and never from
        HTTPS to HTTP. The task then logs on to the new address with the same credentials.
      - Without this option a redirection is an error, and the task sends nothing to the new address.
    type: bool
"""

    # Which of the sessions that exist are meant.
    EXISTING = r"""
options:
  name:
    description:
      - Names of the sessions. The wildcards are V(*), V(?) and V([a-z]). A backtick makes the next character literal.
        Names are compared without regard to case, by PowerShell's ordinal comparison.
      - An exact name takes precedence over a pattern. The text is a pattern only if no computer lists a session with
        exactly this name, and this controller knows of no such session that ended. V(*) always means all sessions.
      - With O(computer_name) or O(connection_uri), the task looks for the names on these computers. Without O(name) it
        then means all sessions there, if the module allows that. With neither of the two, it looks among the sessions
        that this controller has seen before.
      - Text is split at commas and line ends. Blanks at the ends of a name are ignored, here and in the names that a
        server lists.
    type: list
    elements: str
  session:
    description:
      - Sessions as the lookup P(psremoting.fleet.pssession#lookup) and the modules of this collection return them. A
        list, a single session and JSON text are accepted.
      - A task with O(session) or O(id), or with O(name) or O(instance_id) but no computer, uses for each session the
        options that earlier tasks had for it. These are O(connection_uri), O(port), O(use_ssl), O(application_name),
        O(allow_redirection), O(authentication), O(transport), O(certificate_thumbprint), O(certificate_store),
        O(certificate_pem), O(certificate_key_pem), O(ca_cert), O(server_certificate_fingerprint) and O(session_option).
        Options of the task itself take precedence. All other settings come from the inventory.
      - The controller remembers no secrets. Nor does it remember O(session_option.application_arguments),
        O(session_option.idle_timeout), O(session_option.no_compression), O(session_option.no_machine_profile) and
        O(session_option.output_buffering_mode). It remembers O(session_option.proxy) without user and password.
      - Some settings weaken a check. They are O(allow_redirection), O(authentication) V(basic) and V(credssp),
        O(server_certificate_fingerprint), O(session_option.no_encryption), O(session_option.skip_ca_check),
        O(session_option.skip_cn_check) and O(session_option.skip_revocation_check). Such a setting applies only if
        O(state_file) has it. If only the given session has it, the task ignores it and warns. If only the given session
        has an address, the task does not send the inventory's user and password there. Set O(credential) in this case.
    type: list
    elements: dict
  id:
    description:
      - Numbers of sessions that this controller has seen before. Each returned session has its number.
    type: list
    elements: int
  instance_id:
    description:
      - GUIDs of the sessions.
      - Without O(computer_name) and O(connection_uri), the task looks for them among the sessions that this controller
        has seen before.
    type: list
    elements: str
  require_each:
    description:
      - Require each name and GUID on each computer. A name that one computer does not have is then missing there. By
        default, as with the cmdlet, a name is missing only if none of the computers has it.
      - This needs O(computer_name) or O(connection_uri).
    type: bool
  on_missing:
    description:
      - How the task handles a name, number or GUID without a session. V(error) makes it an error, V(warn) a warning.
        V(skip) ignores it, for sessions that need not exist.
    type: str
    choices: [error, warn, skip]
    default: error
"""

    # Whether commands are listed, where that is a choice.
    # For modules that act on the work in sessions.
    ALL_KNOWN = r"""
options:
  all_known:
    description:
      - Apply O(name) or O(instance_id) to every computer on which the controller has seen sessions.
      - A task needs this option if it names no computer and does not run for a Windows host of the inventory. Without
        it, such a task is refused before it sends anything. In a task for a Windows host this option is refused,
        because such a task means that host.
      - Tasks with O(id), O(session), O(computer_name) or O(connection_uri) do not need it.
    type: bool
    default: false
"""

    COMMANDS = r"""
options:
  list_commands:
    description:
      - Also list the commands in each session. This takes one more request for each session.
      - The task leaves out a session with several commands and warns, because the cmdlets support one command.
    type: bool
    default: false
"""

    # For modules that change sessions.
    CHANGE = r"""
options:
  confirm:
    description:
      - Ask before the task changes a session, as C(-Confirm) does. Answers are Yes, Yes to All, No and No to All.
      - This needs a terminal. Without a terminal the task fails.
    type: bool
    default: false
    aliases: [cf]
  busy_timeout:
    description:
      - Seconds to wait for sessions that another client is connected to.
      - After a client crashes, the server keeps it connected for about a minute. So V(90) is a good value after a
        crash. With V(0) a session in use is an error at once.
    type: int
    default: 0
"""

    # Whose sessions are meant.
    OWNER = r"""
options:
  owner:
    description:
      - Only sessions of these accounts, with wildcards as in O(name). C(DOMAIN\user) means one account. V(user) means
        the accounts of that name in all domains. V(<own>) means the account with which the task logs on.
      - The server names the owner of each session. To find V(<own>), the task first uses the owners of sessions that
        this controller opened or connected to with the same user name. Otherwise it compares the names. If the names do
        not decide, as with a user principal name, V(<own>) is an error that names the owner.
      - If only sessions of other accounts have a name, the name counts as missing.
      - An administrator sees the sessions of all accounts, but can connect only to sessions of the administrator's own
        account. Other users see only their own sessions.
    type: list
    elements: str
"""

    # Further conditions for sessions, besides name and configuration.
    CONDITIONS = r"""
options:
  state:
    description:
      - Only sessions in this state. V(opened) means sessions that this controller is connected to, V(disconnected) all
        others.
    type: str
    choices: [all, opened, disconnected]
    default: all
  minimum_age:
    description:
      - Only sessions that have had no client for at least this number of seconds.
    type: int
    default: 0
  expires_within:
    description:
      - Only sessions that the server will remove within this number of seconds if no client connects.
    type: int
"""

    # Where the options about this controller can come from, for the lookup and the connection.
    CONTROLLER_SOURCES = r"""
options:
  state_file:
    vars:
      - name: pssession_state_file
    ini:
      - section: pssession
        key: state_file
    env:
      - name: PSSESSION_STATE_FILE
  client_id:
    vars:
      - name: pssession_client_id
    ini:
      - section: pssession
        key: client_id
    env:
      - name: PSSESSION_CLIENT_ID
"""

    # Where the lookup's other options can come from besides its own arguments.
    SOURCES = r"""
options:
  configuration_name:
    vars:
      - name: pssession_configuration_name
    ini:
      - section: pssession
        key: configuration_name
    env:
      - name: PSSESSION_CONFIGURATION_NAME
  application_name:
    vars:
      - name: pssession_application_name
  port:
    vars:
      - name: pssession_port
  use_ssl:
    vars:
      - name: pssession_use_ssl
  credential:
    vars:
      - name: pssession_credential
  authentication:
    vars:
      - name: pssession_authentication
    ini:
      - section: pssession
        key: authentication
    env:
      - name: PSSESSION_AUTHENTICATION
  certificate_thumbprint:
    vars:
      - name: pssession_certificate_thumbprint
    env:
      - name: PSSESSION_CERTIFICATE_THUMBPRINT
  certificate_store:
    vars:
      - name: pssession_certificate_store
    ini:
      - section: pssession
        key: certificate_store
    env:
      - name: PSSESSION_CERTIFICATE_STORE
  ca_cert:
    vars:
      - name: pssession_ca_cert
    ini:
      - section: pssession
        key: ca_cert
    env:
      - name: PSSESSION_CA_CERT
  transport:
    vars:
      - name: pssession_transport
  session_option:
    vars:
      - name: pssession_session_option
  throttle_limit:
    vars:
      - name: pssession_throttle_limit
    ini:
      - section: pssession
        key: throttle_limit
    env:
      - name: PSSESSION_THROTTLE_LIMIT
  on_error:
    vars:
      - name: pssession_on_error
  lockout_guard:
    vars:
      - name: pssession_lockout_guard
    ini:
      - section: pssession
        key: lockout_guard
    env:
      - name: PSSESSION_LOCKOUT_GUARD
"""
