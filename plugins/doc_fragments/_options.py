"""Documentation of the options that all modules share: computers, log-on, connections and errors.

plugins/module_utils/_arguments.py has their specifications. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  application_name:
    description:
      - The path of the WinRM endpoint. The default is the inventory's value, or V(wsman).
    type: str
  port:
    description:
      - The port of the WinRM endpoint, from 1 to 65535. The default is the inventory's value, or else 5985 for HTTP and
        5986 for HTTPS.
    type: int
  use_ssl:
    description:
      - Use HTTPS. The default is the inventory's value, or V(false).
    type: bool
  credential:
    description:
      - The user to log on with. The default is the inventory's account for the computer.
    type: dict
    suboptions:
      username:
        description: Name of the user.
        type: str
        required: true
      password:
        description:
          - The user's password. Without a password, Kerberos uses a ticket of the controller user for this user name.
        type: str
  authentication:
    description:
      - How to log on. The default is the inventory's value for the computer, or V(default).
      - V(default) and V(negotiate) use Kerberos where there is a ticket or a realm, and NTLM otherwise.
      - V(negotiate_with_implicit_credential) uses the Kerberos tickets of the controller user only.
      - V(kerberos) needs the Python libraries gssapi and krb5, V(credssp) needs requests-credssp.
      - V(basic) and V(digest) cannot encrypt messages. Over HTTP they need O(session_option.no_encryption).
    type: str
    choices: [default, basic, negotiate, negotiate_with_implicit_credential, credssp, digest, kerberos]
  certificate_thumbprint:
    description:
      - Thumbprint (SHA-1 or SHA-256) of the client certificate to log on with. This needs HTTPS and cannot be combined
        with O(credential).
      - The task looks for the certificate and its key in O(certificate_store).
    type: str
  certificate_store:
    description:
      - Folder with PEM and PKCS#12 files. The task looks for O(certificate_thumbprint) there.
      - The default is the environment variable E(PSSESSION_CERTIFICATE_STORE), or C(pssession/certificates) in
        Ansible's home folder (C(~/.ansible)).
    type: path
  certificate_pem:
    description:
      - File with the client certificate to log on with, in PEM form, or a PKCS#12 file with certificate and key.
    type: path
  certificate_key_pem:
    description:
      - File with the private key of O(certificate_pem), if it is not in the same file.
    type: path
  certificate_key_password:
    description:
      - Password of the private key or of the PKCS#12 file.
    type: str
  ca_cert:
    description:
      - File or folder with trusted certificate authorities in PEM form, for HTTPS. Revocation lists in it are
        respected.
      - The default is the inventory's value, or else the authorities of the system.
    type: path
  server_certificate_fingerprint:
    description:
      - SHA-256 fingerprint of the only server certificate that is accepted, for HTTPS. Blanks, colons and case do not
        matter.
      - This check replaces all other checks of the certificate. So the certificate may be self-signed or name another
        host. The task sends nothing to a server with another certificate.
      - The default is the host variable C(pssession_server_certificate_fingerprint). Use the variable if the computers
        have different certificates.
    type: str
  transport:
    description:
      - The Python library that logs on and encrypts, V(psrp) for pypsrp or V(winrm) for pywinrm.
      - The default is the library of the inventory host's connection plugin, or V(psrp).
    type: str
    choices: [psrp, winrm]
  session_option:
    description:
      - The settings of C(New-PSSessionOption). Durations are in seconds; the cmdlet's are in milliseconds.
      - Suboptions marked "for opening" have no effect on existing sessions.
    type: dict
    suboptions:
      maximum_redirection:
        description: The maximum number of redirections to follow, with C(allow_redirection). The default is 5. A
          negative number means no limit.
        type: int
      no_compression:
        description: Do not compress the data of the session. This has no effect, because data is never compressed.
        type: bool
      no_machine_profile:
        description: Open the session without loading the user's profile. For opening.
        type: bool
      culture:
        description: The language for numbers and dates, such as V(de-DE).
        type: str
      ui_culture:
        description: The language for messages, such as V(de-DE).
        type: str
      maximum_received_data_size_per_command:
        description:
          - The maximum number of bytes that one command may return, measured in PowerShell's messages. More bytes are
            an error, and the command goes on. V(0) and the default mean no limit.
        type: int
      maximum_received_object_size:
        description:
          - The maximum size in bytes of one object that the server sends, measured in PowerShell's messages. A larger
            object is an error. The default is PowerShell's, V(209715200) (200 MiB). V(0) means no limit.
        type: int
      output_buffering_mode:
        description:
          - How the server handles output when its buffer is full and no client is connected. V(block) suspends the
            command, V(drop) drops the oldest output, and V(none) does not change the session's setting.
        type: str
        choices: [none, drop, block]
      max_connection_retry_count:
        description:
          - How often the task tries again to open a connection to the computer, within O(session_option.open_timeout).
            It never sends a request twice.
          - The default is the inventory's value, or V(0).
        type: int
      application_arguments:
        description: Data for C($PSSenderInfo) in the session. For opening.
        type: dict
      open_timeout:
        description:
          - Seconds that the task may take to list all sessions of one computer, and to connect to one session, at most
            3600.
          - The default is 180. V(0) means the default.
        type: float
      cancel_timeout:
        description:
          - Seconds that the request to stop a command may take, at most 3600. The default is the value of
            O(session_option.open_timeout). V(0) means the default.
        type: float
      idle_timeout:
        description:
          - Seconds that the session may be disconnected before the server removes it, at least 60. The task sets it
            when it opens a session. It also sets it when it disconnects from a session, unless the module's own
            C(idle_timeout) is given. Connecting does not change it, as with the cmdlet.
          - V(-1) means the server's default.
          - If the server allows less, a new session gets the server's maximum. One warning for all hosts of the task
            lists the servers that granted less than the task asked for.
          - If the task disconnects from a session with less than 900 seconds (15 minutes), a warning gives the time of
            expiry.
        type: int
      operation_timeout:
        description:
          - Seconds that the server may take for one request, at most 3600. The default is the inventory's value, or
            180. V(0) means 180.
          - A request for output waits for the same time while the command is silent. If neither the task nor the
            inventory sets this option, such a request waits at most 20 seconds, because gateways and firewalls cut
            silent connections.
        type: float
      proxy_access_type:
        description:
          - How to find the proxy. V(no_proxy_server) uses no proxy. V(ie_config), V(win_http_config) and V(auto_detect)
            use the environment variables of the controller (C(http_proxy), C(https_proxy), C(no_proxy)), even if the
            inventory says to ignore them. The default, V(none), uses the inventory's proxy, or else the environment
            variables.
        type: str
        choices: [none, ie_config, win_http_config, auto_detect, no_proxy_server]
      proxy:
        description:
          - Address of the proxy, such as V(http://proxy.example.com:3128) or V(socks5h://bastion.example.com:1080).
          - With C(socks5h), the SOCKS proxy resolves the names of the computers. With C(socks5), the controller
            resolves them. Both need the Python library PySocks.
          - A user or password in the address is refused. Give them in O(session_option.proxy_credential).
        type: str
      proxy_authentication:
        description: How to log on to an HTTP proxy. Only V(basic) is possible.
        type: str
        choices: [basic, digest, negotiate]
      proxy_credential:
        description: The user to log on to the proxy.
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
        description: Accept a server certificate from an unknown authority.
        type: bool
      skip_cn_check:
        description: Accept a server certificate for another name.
        type: bool
      skip_revocation_check:
        description: Accept a server certificate that a revocation list beside the trusted authorities names as revoked.
        type: bool
      no_encryption:
        description:
          - Allow HTTP without encryption. Passwords and data can then be read on the way.
          - The default is V(false), unless the inventory allows it with C(ansible_psrp_message_encryption=never).
        type: bool
      use_utf16:
        description: Send requests in UTF-16 instead of UTF-8.
        type: bool
      include_port_in_spn:
        description: Include the port in the Kerberos service principal name.
        type: bool
  throttle_limit:
    description:
      - The maximum number of requests under way at once, over all computers and sessions. V(0) and negative numbers
        mean 32.
      - Each request needs an open file. If the number is more than half of the files that the process may open
        (C(ulimit -n)), the task lowers it to that half and warns.
    type: int
    default: 32
  on_error:
    description:
      - How the task handles errors. V(fail_at_end) tries everything, and then fails with all errors. V(stop) starts
        nothing new after the first error, and fails. It then runs or receives no command, not even in sessions that are
        connected already. V(report) tries everything and does not fail. The result has the errors.
    type: str
    choices: [fail_at_end, stop, report]
    default: fail_at_end
  state_file:
    description:
      - File in which this controller remembers the sessions that it has seen, and their numbers. It has no passwords.
        If the file is deleted, only this memory is lost.
      - If the file cannot be written, or another process locks it for more than five seconds, tasks go on without it
        and warn. The servers still see all tasks of one run as one client. If the folder cannot be written, the servers
        see each run as another client.
      - The identity of the controller as a client is in a file beside it, with the suffix C(.client).
      - The default is the environment variable E(PSSESSION_STATE_FILE), or C(pssession/state.sqlite3) in Ansible's
        home folder, which is C(~/.ansible) unless C(home) in C(ansible.cfg) or C(ANSIBLE_HOME) says otherwise.
    type: path
  client_id:
    description:
      - The GUID by which servers know this client. Controllers with the same GUID count as one client. Each of them can
        connect at once to sessions that another one is connected to.
      - The default is the environment variable E(PSSESSION_CLIENT_ID), or the identity in O(state_file).
    type: str
  lockout_guard:
    description:
      - Protect domain accounts from a lockout. Until a computer has accepted an account and its password, at most three
        log-ons with them are refused or under way. After three refusals without a success, the task asks no other
        computer. One error record then lists all computers that were not asked.
      - This protects accounts such as V(LAB\\svc) and V(svc@lab.example.com) that log on with a password. It does not
        protect local accounts.
      - All tasks that one run executes on the controller share the counts. The counts start anew with each run, and
        with each task on another host than the controller.
    type: bool
    default: true
requirements:
  - pypsrp >= 0.9.1, < 1.0.0
"""

    # Computers by their names.
    COMPUTERS = r"""
options:
  computer_name:
    description:
      - The computers of the sessions. V(.) is the controller itself.
      - Case, blanks at the ends and a dot after the name are ignored. So V(web1) and V(WEB1.) are the same computer.
        The address that the inventory has for a host is the same computer, too. A DNS alias, or an address that is not
        in the inventory, counts as another computer.
      - If an entry is the name of an inventory host, that host's connection variables apply, including its address.
    type: list
    elements: str
    aliases: [cn]
  configuration_name:
    description:
      - Only sessions of this session configuration. Give its name or its full URI, without wildcards.
    type: str
"""

    # Computers by the addresses of their endpoints.
