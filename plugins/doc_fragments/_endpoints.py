"""Documentation of what the action plugin gives a module on another host: `endpoints` and `run_client_id`.

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
      transport:
        description: Which library logs on and encrypts.
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
        description: Whether to encrypt messages inside HTTP; V(auto) does so unless HTTPS is used.
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
        description: Let the server use the Kerberos ticket towards other servers.
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
        description: The log-on inside CredSSP.
        type: str
        choices: [auto, ntlm, kerberos]
      credssp_disable_tlsv1_2:
        description: Allow CredSSP with old versions of TLS inside.
        type: bool
      credssp_minimum_version:
        description: The least version of CredSSP the server must have.
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
        description: Do not use the proxy that the environment names.
        type: bool
      connection_timeout:
        description: Seconds for opening a connection.
        type: float
      operation_timeout:
        description: Seconds the server may take for one request, and for which one request for output waits.
        type: float
      read_timeout:
        description: Seconds an answer may take at least.
        type: float
      reconnection_retries:
        description: How often a connection that cannot be opened is tried again.
        type: int
      reconnection_backoff:
        description: Seconds before the second of these tries; each further wait is twice as long.
        type: float
      max_envelope_size:
        description: Bytes that one answer may have.
        type: int
      problem:
        description: Why the inventory's settings cannot be used. The task reports it for this computer, and sends
          nothing to it.
        type: str
      logon_problem:
        description: Why the inventory does not say how to log on. The task reports it for this computer unless it says
          so itself, for instance with C(credential).
        type: str
  run_client_id:
    description:
      - A GUID that is the same for all tasks of one run of Ansible. The action plugin fills it in when the task runs on
        another host than the controller; it is not meant to be written by hand.
      - The tasks of one run share a journal by it, and they are one client where O(state_file) cannot be written.
    type: str
"""
