# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, use it from nowhere else.
# The twin of plugins/module_utils/_arguments.py: whoever changes one changes the other (a test compares them).

from __future__ import annotations


class ModuleDocFragment:
    # Which sessions are meant, where they are, how to log on, and how to go about it.
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Names of the sessions. The wildcards V(*), V(?) and V([a-z]) are understood, with a backtick before a character
        that is meant literally. Upper and lower case are the same.
      - With O(computer_name) or O(connection_uri) they are the names on the computers, and without O(name) all sessions
        there are meant. With neither they are the names of sessions this controller has seen before.
    type: list
    elements: str
  session:
    description:
      - Sessions as the lookup P(psremoting.fleet.pssession#lookup) and the modules of this collection return them.
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
  computer_name:
    description:
      - Computers to look on. V(.) is the controller itself.
      - If an entry is the name of an inventory host, the connection variables of that host apply, its address included.
    type: list
    elements: str
    aliases: [cn]
  connection_uri:
    description:
      - Addresses of WinRM endpoints, such as V(https://server01:5986/wsman).
      - Without a port it is that of the scheme (80 or 443), and without a path it is V(/wsman), as with the cmdlet.
    type: list
    elements: str
    aliases: [uri, cu]
  configuration_name:
    description:
      - Only sessions of this session configuration, given by its name or its full URI, without wildcards.
    type: str
  application_name:
    description:
      - The path of the WinRM endpoint. The default is what the inventory says, or V(wsman).
    type: str
  port:
    description:
      - The port of the WinRM endpoint, from 1 to 65535. The default is what the inventory says, or 5985 for HTTP and
        5986 for HTTPS.
    type: int
  use_ssl:
    description:
      - Use HTTPS. The default is what the inventory says, or HTTP.
    type: bool
  allow_redirection:
    description:
      - Follow a redirection of O(connection_uri). Not available yet, V(true) is refused.
    type: bool
  credential:
    description:
      - The user to log on with. The default is what the inventory says of the computer.
    type: dict
    suboptions:
      username:
        description: Name of the user.
        type: str
        required: true
      password:
        description: The user's password.
        type: str
  authentication:
    description:
      - How to log on. The default is what the inventory says of the computer.
      - Only V(basic) is available yet, the other values are refused. Over HTTP it needs
        O(session_option.no_encryption).
    type: str
    choices: [default, basic, negotiate, negotiate_with_implicit_credential, credssp, digest, kerberos]
  certificate_thumbprint:
    description:
      - Thumbprint of a client certificate to log on with. It excludes O(credential). Not available yet, a value is
        refused.
    type: str
  session_option:
    description:
      - What C(New-PSSessionOption) sets. Times are in milliseconds.
      - Suboptions that say they are not available yet are refused when they are set.
    type: dict
    suboptions:
      maximum_redirection:
        description: How many redirections to follow at most. Not available yet.
        type: int
      no_compression:
        description: Do not compress the data of the session. Not available yet.
        type: bool
      no_machine_profile:
        description: Open the session without loading the user's profile. Not available yet.
        type: bool
      culture:
        description: The culture of the session. Not available yet.
        type: str
      ui_culture:
        description: The user interface culture of the session. Not available yet.
        type: str
      maximum_received_data_size_per_command:
        description: How many bytes one command may return. Not available yet.
        type: int
      maximum_received_object_size:
        description: How many bytes one object may have. Not available yet.
        type: int
      output_buffering_mode:
        description:
          - What the server does with output when its buffer is full and no client is connected. V(block) suspends the
            command, V(drop) drops the oldest output, V(none) leaves it as it is.
        type: str
        choices: [none, drop, block]
      max_connection_retry_count:
        description: How often opening a session is tried again. Not available yet.
        type: int
      application_arguments:
        description: Data for C($PSSenderInfo) in the session. Not available yet.
        type: dict
      open_timeout:
        description:
          - How long listing the sessions of one computer may take altogether, and how long connecting to one session.
          - The default, also for V(0), is 180000.
        type: int
        aliases: [open_timeout_msec]
      cancel_timeout:
        description: How long stopping and closing may take. Connecting does neither, so it has no effect there.
        type: int
        aliases: [cancel_timeout_msec]
      idle_timeout:
        description:
          - How long the session may be disconnected before the server removes it. It is set when a session is opened or
            disconnected; connecting leaves it alone, as with the cmdlet.
        type: int
        aliases: [idle_timeout_msec]
      operation_timeout:
        description:
          - How long the server may take for one request. The default is what the inventory says, or, also for V(0),
            180000.
        type: int
        aliases: [operation_timeout_msec]
      proxy_access_type:
        description: How a proxy is found. Not available yet.
        type: str
        choices: [none, ie_config, win_http_config, auto_detect, no_proxy_server]
      proxy_authentication:
        description: How to log on to the proxy. Not available yet.
        type: str
        choices: [basic, digest, negotiate]
      proxy_credential:
        description: The user to log on to the proxy with. Not available yet.
        type: dict
        suboptions:
          username:
            description: Name of the user.
            type: str
            required: true
          password:
            description: The user's password.
            type: str
      skip_ca_check:
        description: Accept a server certificate of an unknown authority. Not available yet.
        type: bool
      skip_cn_check:
        description: Accept a server certificate for another name. Not available yet.
        type: bool
      skip_revocation_check:
        description: Accept a server certificate that was revoked. Not available yet.
        type: bool
      no_encryption:
        description:
          - Allow HTTP without encryption. Passwords and data can then be read on the way.
          - The default is what the inventory says (C(ansible_psrp_message_encryption=never) allows it), or V(false).
        type: bool
      use_utf16:
        description: Send requests in UTF-16. Not available yet.
        type: bool
      include_port_in_spn:
        description: Name the port in the Kerberos service principal. Not available yet.
        type: bool
  throttle_limit:
    description:
      - How many requests may be under way at once, over all computers and sessions. V(0) and less mean 32.
    type: int
    default: 32
  list_commands:
    description:
      - Also list the commands in each session; it costs one more request a session.
      - A session with several commands is then left out with a warning, as the cmdlets support one.
    type: bool
    default: false
  missing:
    description:
      - What it means when something that was asked for is not there. V(fail) makes it an error, V(warn) a warning, and
        V(ignore) is for tasks that run on the chance of finding something.
    type: str
    choices: [fail, warn, ignore]
    default: fail
  error_action:
    description:
      - What errors do. V(continue) tries everything and then fails, V(silently_continue) tries everything and does not
        fail, V(stop) starts nothing more after the first error and fails.
    type: str
    choices: [continue, silently_continue, stop]
    default: continue
  registry_path:
    description:
      - File that keeps the numbers of the sessions this controller has seen, and its identity as a client. It holds no
        passwords, and losing it loses the numbers only.
      - The default is the environment variable E(PSSESSION_REGISTRY), or C(pssession/registry.sqlite3) in Ansible's
        home folder (C(~/.ansible)).
    type: path
  client_id:
    description:
      - The GUID by which servers know this client. Controllers that share one count as one client, so that each can
        take up at once what another left connected.
      - The default is the environment variable E(PSSESSION_CLIENT_ID), or the identity in the registry.
    type: str
requirements:
  - pypsrp >= 0.9.1
"""

    # For modules that can run on another host than the controller.
    ENDPOINTS = r"""
options:
  endpoints:
    description:
      - How to reach and log on to each computer, by name. The action plugin fills it in from the inventory when the
        task runs on another host than the controller; it rarely needs to be written by hand.
      - Options given for all computers win over it.
    type: list
    elements: dict
    suboptions:
      computer_name:
        description: Name of the computer as the task uses it.
        type: str
        required: true
      inventory_hostname:
        description: Name of the inventory host that this is about.
        type: str
      address:
        description: Name or address to connect to.
        type: str
      port:
        description: Port of the WinRM endpoint.
        type: int
      use_ssl:
        description: Use HTTPS.
        type: bool
      application_name:
        description: Path of the WinRM endpoint.
        type: str
      authentication:
        description: How to log on.
        type: str
      username:
        description: Name of the user.
        type: str
      password:
        description: The user's password.
        type: str
      no_encryption:
        description: Allow HTTP without encryption.
        type: bool
      verify_certificate:
        description: Whether the server's certificate must be valid.
        type: bool
      ca_cert:
        description: File or folder of trusted authorities, in PEM form.
        type: path
      connection_timeout:
        description: Seconds for opening a connection.
        type: float
      operation_timeout:
        description: Seconds the server may take for one request.
        type: float
      read_timeout:
        description: Seconds an answer may take at least.
        type: float
      proxy:
        description: Address of an HTTP proxy. Not available yet, a value is refused.
        type: str
"""

    # Where the lookup's options can come from besides its own arguments.
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
  error_action:
    vars:
      - name: pssession_error_action
  registry_path:
    vars:
      - name: pssession_registry_path
    ini:
      - section: pssession
        key: registry_path
    env:
      - name: PSSESSION_REGISTRY
  client_id:
    vars:
      - name: pssession_client_id
    ini:
      - section: pssession
        key: client_id
    env:
      - name: PSSESSION_CLIENT_ID
"""
