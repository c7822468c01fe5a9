"""The cmdlets: one record for each, with everything that differs between them before a request is sent.

Names of parameter sets, of options and of errors are those of the cmdlets ($PSCmdlet.ParameterSetName, the parameter
binder); options are in snake case.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass

LOGON = frozenset({"credential", "authentication", "certificate_thumbprint", "session_option"})
_COMPUTER = frozenset({"port", "use_ssl", "application_name", "configuration_name"})
_URI = frozenset({"allow_redirection", "configuration_name"})
_MATCHING = frozenset({"require_each"})


@dataclass(frozen=True)
class ParameterSet:
    """One way to select sessions.

    Attributes:
        mandatory: Required options.
        optional: Further options that only some sets have. Options of all sets are not listed.
        is_local: Whether the task looks the sessions up among those that this controller has seen.
    """

    name: str
    mandatory: frozenset[str]
    optional: frozenset[str]
    is_local: bool = False

    @property
    def options(self) -> frozenset[str]:
        return self.mandatory | self.optional

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(sorted(self.mandatory))})"


def _local(name: str, option: str) -> ParameterSet:
    # The cmdlet's local sets have no log-on options, because its session objects have them. A task has no such objects.
    return ParameterSet(name, frozenset({option}), LOGON, is_local=True)


_EXISTING = (
    _local("Session", "session"),
    _local("Name", "name"),
    _local("Id", "id"),
    _local("InstanceId", "instance_id"),
    ParameterSet("ComputerName", frozenset({"computer_name"}), frozenset({"name"}) | _COMPUTER | _MATCHING | LOGON),
    ParameterSet("ComputerNameGuid", frozenset({"computer_name", "instance_id"}), _COMPUTER | _MATCHING | LOGON),
    ParameterSet("ConnectionUri", frozenset({"connection_uri"}), frozenset({"name"}) | _URI | _MATCHING | LOGON),
    ParameterSet("ConnectionUriGuid", frozenset({"connection_uri", "instance_id"}), _URI | _MATCHING | LOGON),
)
_OPENED = (
    ParameterSet("ComputerName", frozenset({"computer_name", "name"}), _COMPUTER | LOGON),
    ParameterSet("Uri", frozenset({"connection_uri", "name"}), _URI | LOGON),
)


@dataclass(frozen=True)
class Cmdlet:
    """One cmdlet.

    Attributes:
        name: PowerShell's name.
        parameter_sets: Ways to select sessions that exist; none for a cmdlet that only opens sessions.
        opening_sets: Ways to name sessions that are to be opened; none for a cmdlet that opens no sessions.
        error_id: Id of the error if the operation on a session fails, or the session no longer exists.
        ended_error_id: Id of the error for a session that is known to have ended, or None if that is not an error.
        lists_commands: Whether it always lists the commands of the sessions.
        is_reading: Whether it changes nothing. Then check mode makes no difference, and there is no diff.
        narrowing: Options of which a task must set one before the cmdlet acts on sessions of a computer. Empty for a
            cmdlet that may act on all sessions there. A cmdlet with such options also needs `all_known` before it acts
            on sessions of all computers that this controller knows.
        narrowing_hint: The next step if the task set none of them.
    """

    name: str
    parameter_sets: tuple[ParameterSet, ...] = _EXISTING
    opening_sets: tuple[ParameterSet, ...] = ()
    error_id: str = "PSSessionConnectFailed"
    ended_error_id: str | None = "PSSessionConnectFailed"
    lists_commands: bool = False
    is_reading: bool = False
    narrowing: tuple[str, ...] = ()
    narrowing_hint: str = ""

    @property
    def verb(self) -> str:
        return self.name.partition("-")[0]

    @property
    def type_name(self) -> str:
        """Return the name of the cmdlet's .NET class, with which its error ids end."""
        return f"Microsoft.PowerShell.Commands.{self.name.replace('-', '')}Command"


CONNECT = Cmdlet("Connect-PSSession")
DISCONNECT = Cmdlet(
    "Disconnect-PSSession",
    error_id="PSSessionDisconnectFailed",
    ended_error_id="CannotDisconnectSessionWhenNotOpened",
)
GET = Cmdlet("Get-PSSession", ended_error_id=None, is_reading=True)
INVOKE = Cmdlet(
    "Invoke-Command",
    opening_sets=_OPENED,
    narrowing=("name", "instance_id", "session_name"),
    narrowing_hint="invoke_command needs name ('*' runs the script in every session) or instance_id, or session_name "
    "with in_disconnected_session for a new session.",
)
NEW = Cmdlet("New-PSSession", parameter_sets=(), opening_sets=_OPENED, error_id="PSSessionOpenFailed")
RECEIVE = Cmdlet(
    "Receive-PSSession",
    lists_commands=True,
    narrowing=("name", "instance_id"),
    narrowing_hint="receive_pssession needs name or instance_id. name='*' selects all sessions.",
)
REMOVE = Cmdlet(
    "Remove-PSSession",
    error_id="RemoveSessionCannotConnectToServer",
    ended_error_id=None,
    narrowing=("name", "instance_id", "owner", "minimum_age", "expires_within"),
    narrowing_hint="remove_pssession needs one of name, instance_id, owner, minimum_age, expires_within. "
    "name='*' selects all sessions.",
)

CMDLETS = (CONNECT, DISCONNECT, GET, INVOKE, NEW, RECEIVE, REMOVE)
