"""Documentation of options that the action plugin sets for modules on other hosts: `endpoints`, `run_client_id`.

ENDPOINTS in plugins/module_utils/_arguments.py is the specification. A test compares the two.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # For modules that can run on another host than the controller.
    DOCUMENTATION = r"""
options:
  endpoints:
    description:
      - For each computer, how to reach it and log on. If the task runs on another host than the controller, the action
        plugin fills this in from the inventory. You rarely need to write it yourself.
      - Options of the task that apply to all computers take precedence.
    type: list
    elements: dict
    suboptions:
      computer_name:
        description: Name of the computer as the task uses it.
        type: str
        required: true
      inventory_hostname:
        description: Name of the inventory host of this computer.
        type: str
      transport:
        description: The Python library that logs on and encrypts.
        type: str
        choices: [psrp, winrm]
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
        description: How to log on, in the words of O(authentication) or of the connection plugins.
        type: str
      username:
        description: Name of the user.
        type: str
      password:
        description: The user's password.
        type: str
      message_encryption:
        description: Whether to encrypt messages inside HTTP. V(auto) encrypts them unless HTTPS is used.
        type: str
        choices: [auto, always, never]
      certificate_pem:
        description: File with the client certificate.
        type: path
      certificate_key_pem:
        description: File with the private key of the client certificate.
        type: path
      certificate_key_password:
        description: Password of the private key.
        type: str
      negotiate_delegate:
        description: Allow the server to log on to other servers with the user's Kerberos ticket.
        type: bool
      negotiate_hostname_override:
        description: Host name in the Kerberos service principal.
        type: str
      negotiate_send_cbt:
        description: Bind the log-on to the TLS connection.
        type: bool
      negotiate_service:
        description: Service in the Kerberos service principal.
        type: str
      credssp_auth_mechanism:
        description: The authentication inside CredSSP.
        type: str
        choices: [auto, ntlm, kerberos]
      credssp_disable_tlsv1_2:
        description: Allow CredSSP to use TLS versions older than 1.2.
        type: bool
      credssp_minimum_version:
        description: The lowest version of CredSSP that is accepted.
        type: int
      verify_certificate:
        description: Whether the server's certificate must be valid.
        type: bool
      ca_cert:
        description: File or folder of trusted authorities, in PEM form.
        type: path
      server_certificate_fingerprint:
        description: SHA-256 fingerprint of the only server certificate that is accepted.
        type: str
      proxy:
        description: Address of an HTTP or SOCKS proxy, without user and password.
        type: str
      proxy_username:
        description: User to log on to the proxy with.
        type: str
      proxy_password:
        description: Password of that user.
        type: str
      ignore_proxy:
        description: Ignore the proxy settings of the environment.
        type: bool
      connection_timeout:
        description: Seconds for opening a connection.
        type: float
      operation_timeout:
        description: Seconds that the server may take for one request. A request for output waits as long.
        type: float
      read_timeout:
        description: The minimum of the seconds after which a request without an answer fails.
        type: float
      reconnection_retries:
        description: How often the task tries again to open a connection.
        type: int
      reconnection_backoff:
        description: Seconds before the second of these attempts. Each further wait is twice as long.
        type: float
      max_envelope_size:
        description: The maximum size of an answer in bytes.
        type: int
      problem:
        description: The reason if the inventory's settings cannot be used. The task reports it as an error of this
          computer, and sends nothing to it.
        type: str
      logon_problem:
        description: The reason if the inventory has no usable account or authentication. The task reports this
          reason as an error of the computer, unless options of the task, such as C(credential), name the account.
        type: str
  run_client_id:
    description:
      - A GUID that all tasks of one run of Ansible share. The action plugin fills it in when the task runs on another
        host than the controller. Do not write it yourself.
      - With it, the tasks of one run can share a journal. They also count as one client where O(state_file) cannot be
        written.
    type: str
"""
