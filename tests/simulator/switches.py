# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be set per computer: limits, quirks of real servers, and assumptions that no recording confirms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: The ways to authenticate that a computer may offer.
SCHEMES = ("negotiate", "kerberos", "basic", "digest", "credssp", "certificate")
#: Settings that have one of these values.
_CHOICES: dict[str, tuple[str | None, ...]] = {
    "channel_binding": ("none", "relaxed", "strict"),
    "replay_after_connect": ("never", "shell", "command", "any"),
    "certificate": ("valid", "other_name", "other_ca", "expired", "revoked"),
    "tls_version": (None, "1.0", "1.1", "1.2", "1.3"),
    "certificate_request": ("handshake", "request"),
}
#: Settings that have any of these.
_SETS = {
    "authentication": SCHEMES,
    "digest_algorithms": ("SHA-256", "MD5", "SHA-256-sess", "MD5-sess"),
}


@dataclass(eq=False)
class Switches:
    """Settings of a simulated computer, changeable at any time. Durations are seconds, sizes octets.

    Attributes:
        page_size: most items in one answer to Enumerate or Pull; ``None`` for no limit but the client's.
        endless_pull: enumerations never end.
        replay_after_connect: the first Receive after a Connect repeats the last answer the client before did not
            acknowledge (recorded for the shell's stream: test_psrp_disconnect_runspaces). Assumed for the streams of
            commands: they repeat after a Connect of the ``shell`` only, of the ``command`` only, or after ``any`` of
            the two. ``True`` is ``any``, ``False`` is ``never``.
        private_data_after_connect: APPLICATION_PRIVATE_DATA follows a Connect.
        runspacepool_state_after_connect: RUNSPACEPOOL_STATE follows it too; real servers do not send it.
        swap_min_max: RUNSPACEPOOL_INIT_DATA has minimum and maximum exchanged, as real servers do.
        tail_fragments_after_connect: the stream after a Connect begins with the end of an older message.
        shell_without_id: the listing has one more shell, which lacks its ShellId.
        activity_id: answers carry p:ActivityId (some servers leave it out).
        empty_receive_on_timeout: a Receive with KEEPALIVE ends with an empty answer instead of the timeout fault.
        silence_timeout: a client without activity loses its shell after this time.
        reaping_interval: period of the timer that closes shells past their idle timeout.
        min_idle_timeout: shortest idle timeout a client may ask for.
        max_idle_timeout: longest one that a client may ask for when it opens a shell; the shell's own for a Disconnect.
        idle_timeout_text: text of the refusal of another one, for ``max_idle_timeout`` in any language.
        granted_idle_timeout: what a shell gets at most of what its client asks for, without a word.
        authentication: schemes the computer offers, best first.
        allow_unencrypted: plain messages over HTTP: ``True`` accepts them; ``False`` does not offer the schemes that
            cannot encrypt; ``None`` offers these, but who authenticates with one that can must encrypt. A plain
            message where that is not allowed gets a 401.
        channel_binding: of Negotiate and Kerberos over TLS: ``none`` ignores it, ``relaxed`` refuses a wrong one,
            ``strict`` also a missing one.
        certificate: the server's: ``valid``, ``other_name``, ``other_ca``, ``expired`` or ``revoked``.
        tls_version: the only version of TLS it speaks, as ``1.1``; ``None`` for whatever OpenSSL likes.
        certificate_request: when it asks for the client's certificate, where it offers that scheme: in the
            ``handshake``, or only once a ``request`` wants to log on by it. HTTP.SYS does the latter, with TLS 1.3 by
            post-handshake authentication (RFC 8446 4.6.2), and resets the connection of a client that cannot do it.
            Older versions of TLS ask in the handshake here in both cases.
        digest_algorithms: of the scheme digest, best first.
        lockout_after: so many wrong passwords in a row lock the account.
        connection_idle_timeout: seconds of the fleet's clock until an idle TCP connection is closed, with all that
            was known about its user.
        gateway_timeout: seconds of the fleet's clock after which a gateway before the computer gives up waiting for an
            answer; ``None`` for no gateway. The request is not carried out further then.
        gateway_answer: what the client gets from it: an HTTP status, or 0 for the end of its connection.
        keep_raw: the request log keeps bodies as they were sent.
        application_name: the path of the service.
        buffer_size: octets of output a pipeline holds before BufferMode takes effect.
        max_shells_per_user: quota 0x803381A5; the others likewise, ``None`` is unlimited. In the order of the
            attributes: 0x803381AB, 0x803381E4, 0x803381E6, 0x803381E5, 0x803381E9, 0x803381A6, 0x803381E8, 0x803381E7.
        delete_disconnected: assumption: Delete of a Disconnected shell succeeds.
        foreign_disconnect_code: assumption: the fault for a Disconnect by a client that does not hold the shell; 0
            carries it out.
        foreign_user_code: assumption: the fault for operations on another user's shell.
        name_as_child: assumption: Create takes the name from a child element too.
        asks_for_key: a script with a SecureString to send waits until the client has given a key, as MS-PSRP allows.
            PowerShell's server asks only clients of protocol 2.1 and makes a key by itself for others
            (PSRemotingCryptoHelperServer.EncryptSecureString).
        running_command_is_activity: assumption (off): a running command keeps the shell of a silent client connected.
    """

    page_size: int | None = None
    endless_pull: bool = False
    replay_after_connect: str | bool = "never"
    private_data_after_connect: bool = True
    runspacepool_state_after_connect: bool = False
    swap_min_max: bool = True
    tail_fragments_after_connect: bool = False
    shell_without_id: bool = False
    activity_id: bool = True
    empty_receive_on_timeout: bool = False
    silence_timeout: float = 60.0
    reaping_interval: float = 30.0
    min_idle_timeout: float = 60.0
    max_idle_timeout: float = 2147483.647
    idle_timeout_text: str | None = None
    granted_idle_timeout: float | None = None
    authentication: Iterable[str] = ("basic",)
    allow_unencrypted: bool | None = None
    channel_binding: str = "none"
    certificate: str = "valid"
    tls_version: str | None = None
    certificate_request: str = "handshake"
    digest_algorithms: Iterable[str] = ("SHA-256", "MD5")
    lockout_after: int | None = None
    connection_idle_timeout: float | None = None
    gateway_timeout: float | None = None
    gateway_answer: int = 504
    keep_raw: bool = False
    application_name: str = "wsman"
    buffer_size: int = 1 << 20
    max_shells_per_user: int | None = 30
    max_users: int | None = None
    max_plugin_shells_per_user: int | None = None
    max_plugin_shells: int | None = None
    max_plugin_users: int | None = None
    max_commands_per_shell: int | None = 1000
    max_operations_per_user: int | None = 1500
    max_plugin_operations_per_user: int | None = None
    max_plugin_operations: int | None = None
    delete_disconnected: bool = True
    foreign_disconnect_code: int = 0x803381C6
    foreign_user_code: int = 5
    name_as_child: bool = True
    running_command_is_activity: bool = False
    asks_for_key: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse values that nothing would understand.

        Raises:
            ValueError: there is no such value.
        """
        if name == "replay_after_connect" and isinstance(value, bool):
            value = "any" if value else "never"
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"{name} cannot be {value!r}")
        if name in _SETS:
            value = (value,) if isinstance(value, str) else tuple(value)
            if unknown := set(value) - set(_SETS[name]):
                raise ValueError(f"{name} cannot be {', '.join(sorted(unknown))}")
        super().__setattr__(name, value)
