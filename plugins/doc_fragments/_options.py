"""Documentation of the options that all modules share: where sessions are, how to log on, how to go about it.

plugins/module_utils/_arguments.py has their specifications. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
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
        description:
          - The user's password. Without one, Kerberos takes the ticket that the controller user has for this user name.
        type: str
  authentication:
    description:
      - How to log on. The default is what the inventory says of the computer, or V(default).
      - V(default) and V(negotiate) use Kerberos where there is a ticket or a realm, and NTLM otherwise.
      - V(negotiate_with_implicit_credential) uses the Kerberos tickets of the controller user only.
      - V(kerberos) needs the Python libraries gssapi and krb5, V(credssp) needs requests-credssp.
      - V(basic) and V(digest) cannot encrypt messages. Over HTTP they need O(session_option.no_encryption).
    type: str
    choices: [default, basic, negotiate, negotiate_with_implicit_credential, credssp, digest, kerberos]
  certificate_thumbprint:
    description:
      - Thumbprint (SHA-1 or SHA-256) of a client certificate to log on with, over HTTPS. It excludes O(credential).
      - The certificate and its key are looked for in O(certificate_store).
    type: str
  certificate_store:
    description:
      - Folder with PEM and PKCS#12 files, in which O(certificate_thumbprint) is looked for.
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
      - File or folder with trusted authorities in PEM form, for HTTPS. Revocation lists in it are respected.
      - The default is what the inventory says, or the authorities of the system.
    type: path
  server_certificate_fingerprint:
    description:
      - SHA-256 fingerprint of the only server certificate that is accepted, for HTTPS. Blanks, colons and case do not
        matter.
      - It takes the place of all other checks of the certificate, so it works with self-signed certificates and with
        those that name another host. Nothing is sent to a server with another certificate.
      - The default is the host variable C(pssession_server_certificate_fingerprint). Use the variable where computers
        have different certificates.
    type: str
  transport:
    description:
      - Which Python library logs on and encrypts, V(psrp) for pypsrp or V(winrm) for pywinrm.
      - The default is what the connection plugin of the inventory host uses, or V(psrp).
    type: str
    choices: [psrp, winrm]
  session_option:
    description:
      - The settings of C(New-PSSessionOption). Durations are in seconds, those of the cmdlet are in milliseconds.
      - Suboptions that are for opening sessions have no effect on sessions that exist.
    type: dict
    suboptions:
      maximum_redirection:
        description: How many redirections to follow at most, with C(allow_redirection). A negative number
          means any number, and the default is 5.
        type: int
      no_compression:
        description: Do not compress the data of the session. It has no effect, since data is never compressed.
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
          - How many bytes one command may return, as PowerShell's messages have them. More is an error, and the command
            goes on. V(0) and the default mean any number.
        type: int
      maximum_received_object_size:
        description:
          - How many bytes one object that the server sends may have, as PowerShell's messages have it. A larger object
            is an error. The default is PowerShell's, V(209715200) (200 MiB). V(0) means any number.
        type: int
      output_buffering_mode:
        description:
          - How the server handles output when its buffer is full and no client is connected. V(block) suspends the
            command, V(drop) drops the oldest output, V(none) leaves it as it is.
        type: str
        choices: [none, drop, block]
      max_connection_retry_count:
        description:
          - How often a connection to the computer that cannot be opened is tried again, within the time of
            O(session_option.open_timeout). A request that was sent is never repeated.
          - The default is what the inventory says, or V(0).
        type: int
      application_arguments:
        description: Data for C($PSSenderInfo) in the session. For opening.
        type: dict
      open_timeout:
        description:
          - Seconds that listing the sessions of one computer may take altogether, and that connecting to one session
            may take, at most 3600.
          - The default, also for V(0), is 180.
        type: float
      cancel_timeout:
        description:
          - Seconds that the request that stops a command may take, at most 3600. The default, also for V(0), is that of
            O(session_option.open_timeout).
        type: float
      idle_timeout:
        description:
          - Seconds that the session may be disconnected before the server removes it, at least 60. It is set when a
            session is opened, and when it is disconnected and the module's own C(idle_timeout) is not given. Connecting
            does not change it, as with the cmdlet.
          - V(-1) leaves it to the server.
          - If the server allows less, a session is opened with the most that it allows. Where a server grants less than
            was asked for, one warning for all hosts of the task says so.
          - Disconnecting from a session with less than 900 seconds (15 minutes) is a warning with the time of expiry.
        type: int
      operation_timeout:
        description:
          - Seconds that the server may take for one request, at most 3600. The default is what the inventory says, or,
            also for V(0), 180.
          - It is also how long one request for output waits while a command is silent. If neither the task nor the
            inventory sets it, such a request waits 20 seconds at most, since gateways and firewalls cut connections
            that are silent for long.
        type: float
      proxy_access_type:
        description:
          - How a proxy is found. V(no_proxy_server) uses none. V(ie_config), V(win_http_config) and V(auto_detect) all
            use what the environment of the controller says (C(http_proxy), C(https_proxy), C(no_proxy)), even if the
            inventory says to ignore it. The default, V(none), uses what the inventory says, or else the environment.
        type: str
        choices: [none, ie_config, win_http_config, auto_detect, no_proxy_server]
      proxy:
        description:
          - Address of the proxy, such as V(http://proxy.example.com:3128) or V(socks5h://bastion.example.com:1080).
          - A SOCKS proxy resolves the names of the computers with C(socks5h); with C(socks5), the controller does. It
            needs the Python library PySocks.
          - A user or password in the address is refused; O(session_option.proxy_credential) has them.
        type: str
      proxy_authentication:
        description: How to log on to an HTTP proxy. Only V(basic) is possible.
        type: str
        choices: [basic, digest, negotiate]
      proxy_credential:
        description: The user to log on to the proxy with.
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
        description: Accept a server certificate of an unknown authority.
        type: bool
      skip_cn_check:
        description: Accept a server certificate for another name.
        type: bool
      skip_revocation_check:
        description: Accept a server certificate that is in a revocation list kept with the trusted authorities.
        type: bool
      no_encryption:
        description:
          - Allow HTTP without encryption. Passwords and data can then be read on the way.
          - The default is what the inventory says (C(ansible_psrp_message_encryption=never) allows it), or V(false).
        type: bool
      use_utf16:
        description: Send requests in UTF-16 instead of UTF-8.
        type: bool
      include_port_in_spn:
        description: Name the port in the Kerberos service principal.
        type: bool
  throttle_limit:
    description:
      - How many requests may be under way at once, over all computers and sessions. V(0) and less mean 32.
      - Each is an open file. More than half of the number that the process may have (C(ulimit -n)) is lowered to that,
        with a warning.
    type: int
    default: 32
  on_error:
    description:
      - How errors are handled. V(fail_at_end) tries everything and then fails with all errors. V(stop) starts nothing
        more after the first error and fails; no command is run or received then, in the sessions that were connected
        before it either. V(report) tries everything and does not fail; the result has the errors.
    type: str
    choices: [fail_at_end, stop, report]
    default: fail_at_end
  state_file:
    description:
      - File that keeps the numbers of the sessions this controller has seen, and its identity as a client. It holds no
        passwords, and losing it loses the numbers only.
      - If the file cannot be written, or another process holds it for more than five seconds, tasks go on without it,
        and a warning says so. The tasks of one run are one client to the servers all the same. Other runs are other
        clients only where the folder cannot be written.
      - The identity is in a file beside it with the suffix C(.client).
      - The default is the environment variable E(PSSESSION_STATE_FILE), or C(pssession/state.sqlite3) in Ansible's
        home folder, which is C(~/.ansible) unless C(home) in C(ansible.cfg) or C(ANSIBLE_HOME) says otherwise.
    type: path
  client_id:
    description:
      - The GUID by which servers know this client. Controllers that share one count as one client, so that each can
        take up at once what another left connected.
      - The default is the environment variable E(PSSESSION_CLIENT_ID), or the identity in O(state_file).
    type: str
  lockout_guard:
    description:
      - Keep accounts of a domain from being locked. Until one computer has accepted an account with its password, at
        most three log-ons with it are refused or undecided. When three were refused and none was accepted, no other
        computer is asked, and one error record is about all of them.
      - It is about accounts such as V(LAB\\svc) and V(svc@lab.example.com) that log on with a password. Accounts of a
        single computer are not guarded.
      - The tasks of one run on the controller share what they know, for each host or for all. Each run starts anew, and
        so does each task that runs on another host than the controller.
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
      - Computers to look on. V(.) is the controller itself.
      - Upper and lower case, blanks at the ends and a dot behind the name do not count. So V(web1) and V(WEB1.) are
        one computer, and so is an address that the inventory has for it. A name that only DNS resolves, such as an
        alias or an address that is not in the inventory, counts as another computer.
      - If an entry is the name of an inventory host, the connection variables of that host apply, its address included.
    type: list
    elements: str
    aliases: [cn]
  configuration_name:
    description:
      - Only sessions of this session configuration, given by its name or its full URI, without wildcards.
    type: str
"""

    # Computers by the addresses of their endpoints.
