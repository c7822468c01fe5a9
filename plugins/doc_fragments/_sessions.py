"""Documentation of the options that several modules share: which sessions are meant, and what is done to them.

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
      - Without a port it is that of the scheme (80 or 443), and without a path it is V(/wsman), as with the cmdlet.
    type: list
    elements: str
    aliases: [uri, cu]
  allow_redirection:
    description:
      - Follow redirections of O(connection_uri), at most O(session_option.maximum_redirection) of them, and never from
        HTTPS to HTTP. The log-on is then made at the new place, too.
      - Without it a redirection is an error, and nothing is sent to the new place.
    type: bool
"""

    # Which of the sessions that exist are meant.
    EXISTING = r"""
options:
  name:
    description:
      - Names of the sessions. The wildcards V(*), V(?) and V([a-z]) are understood, with a backtick before a character
        that is meant literally. Upper and lower case are the same, by PowerShell's ordinal comparison.
      - A session that is called exactly as the text comes first. Only where none of the computers lists one, and this
        controller does not know one that ended, is the text a pattern. V(*) always means all.
      - With O(computer_name) or O(connection_uri) they are the names on the computers, and without O(name) all sessions
        there are meant, unless the module needs to know which. With neither they are the names of sessions this
        controller has seen before.
      - Text is split at its commas and lines. Blanks at the ends of names do not count, neither here nor in what a
        server lists.
    type: list
    elements: str
  session:
    description:
      - Sessions as the lookup P(psremoting.fleet.pssession#lookup) and the modules of this collection return them. One
        session need not be in a list, and JSON text is taken as well.
      - A task with O(session), O(id), or O(name) or O(instance_id) without a computer applies for each session what
        earlier tasks had set for it. That is O(connection_uri), O(port), O(use_ssl), O(application_name),
        O(allow_redirection), O(authentication), O(transport), O(certificate_thumbprint), O(certificate_store),
        O(certificate_pem), O(certificate_key_pem), O(ca_cert), O(server_certificate_fingerprint) and O(session_option).
        The options of the task win, and the rest is the inventory's as it is now.
      - No secret is remembered, nor O(session_option.application_arguments), O(session_option.idle_timeout),
        O(session_option.no_compression), O(session_option.no_machine_profile) and
        O(session_option.output_buffering_mode). O(session_option.proxy) is remembered without user and password.
      - Settings that weaken a check count only if they are in O(state_file). From a session that is given here alone
        they are ignored, with a warning. They are O(allow_redirection), O(authentication) V(basic) and V(credssp),
        O(server_certificate_fingerprint), O(session_option.no_encryption), O(session_option.skip_ca_check),
        O(session_option.skip_cn_check) and O(session_option.skip_revocation_check). Nor does an address that only the
        given session has get user and password of the inventory; give O(credential) there.
    type: list
    elements: dict
  id:
    description:
      - Numbers of sessions this controller has seen before, as returned with each session.
    type: list
    elements: int
  instance_id:
    description:
      - GUIDs of the sessions.
      - With neither O(computer_name) nor O(connection_uri) they are looked for among the sessions this controller has
        seen before.
    type: list
    elements: str
  require_each:
    description:
      - Look for the names and GUIDs on each computer by itself, so that one which a computer does not have is missing
        there. Otherwise, as with the cmdlet, one that any of the computers has is missing nowhere.
      - It goes with O(computer_name) and O(connection_uri).
    type: bool
  on_missing:
    description:
      - How a name, number or GUID without a session is handled. V(error) makes it an error, V(warn) a warning, and
        V(skip) is for tasks whose sessions need not exist.
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
      - O(name) or O(instance_id) mean the sessions on every computer that the controller knows sessions of.
      - A task that names no computer and does not run for a Windows host of the inventory needs it, and without it is
        refused before anything is sent. On a Windows host it is refused, because that host is meant there.
      - It is not needed with O(id), O(session), O(computer_name) and O(connection_uri).
    type: bool
    default: false
"""

    COMMANDS = r"""
options:
  list_commands:
    description:
      - Also list the commands in each session; it costs one more request a session.
      - A session with several commands is then left out with a warning, as the cmdlets support one.
    type: bool
    default: false
"""

    # For modules that change sessions.
    CHANGE = r"""
options:
  confirm:
    description:
      - Ask before anything is done to a session, as C(-Confirm) does. Answers are Yes, Yes to All, No and No to All.
      - It needs a terminal, and fails where there is none.
    type: bool
    default: false
    aliases: [cf]
  busy_timeout:
    description:
      - Seconds to wait for sessions that another client holds.
      - A client that died keeps its sessions for about a minute, so V(90) is a good value after a crash. With V(0)
        such a session is an error at once.
    type: int
    default: 0
"""

    # Whose sessions are meant.
    OWNER = r"""
options:
  owner:
    description:
      - Only sessions of these accounts, with wildcards as in O(name). C(DOMAIN\user) means that account, V(user) the
        account of that name in any domain. V(<own>) means the account that the task logs on to the computer with.
      - Whose a session is, the server says. The owner that it named for sessions that this controller opened or was
        connected to with the same user name counts first. Next the names are compared. Where they do not show it, as
        with a user principal name, V(<own>) is an error with the owner in it.
      - A name that only sessions of other accounts have is missing.
      - An administrator sees the sessions of every account, and can connect only to those of the own one. Without
        administrator rights one's own are all that is visible.
    type: list
    elements: str
"""

    # Further conditions for sessions, besides name and configuration.
    CONDITIONS = r"""
options:
  state:
    description:
      - V(opened) means sessions that this controller is connected to, V(disconnected) all others.
    type: str
    choices: [all, opened, disconnected]
    default: all
  minimum_age:
    description:
      - Only sessions that have been without a client for so many seconds at least.
    type: int
    default: 0
  expires_within:
    description:
      - Only sessions that their server removes within so many seconds if no client connects to them.
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
