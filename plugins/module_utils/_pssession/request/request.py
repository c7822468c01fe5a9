"""Request: the options of a task, typed and checked as far as possible without any traffic."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t
import uuid
from dataclasses import dataclass, field

from ..model import addresses
from ..model.cmdlets import CONNECT, Cmdlet, ParameterSet
from ..model.commands import Script
from ..model.errors import ParameterBindingError
from ..model.options import (
    OptionGroup,
    count,
    each_of,
    filled,
    fingerprint,
    idle_seconds,
    invalid,
    name_in_xml,
    number,
    option,
    refuse_half_characters,
    seconds,
    text,
)
from ..model.sessions import DEFAULT_RESOURCE_URI, POWERSHELL_RESOURCE_PREFIX, SessionReference
from ..model.settings import Credential, SessionOption
from ..model.wildcard import WildcardPattern
from . import task_options
from .parameter_sets import resolve
from .scripts import script_of

DEFAULT_THROTTLE_LIMIT = 32


def throttle_limit(value: int | None, _name: str = "") -> int:
    """Return the limit. None, 0 and negative numbers mean 32 (ThrottleManager)."""
    return value if value and value > 0 else DEFAULT_THROTTLE_LIMIT


def _pattern(value: str, name: str) -> WildcardPattern:
    try:
        return WildcardPattern(text(value))
    except ValueError as error:
        raise ParameterBindingError("ParameterArgumentValidationError", f"{name}: {error}", "InvalidData") from error


def _name(value: str, _name: str) -> WildcardPattern:
    return WildcardPattern.of_name(text(value))


def _guid(value: t.Any, name: str) -> str:
    try:
        return str(uuid.UUID(value.strip()))
    except (ValueError, AttributeError, TypeError) as error:
        raise ParameterBindingError(
            "ParameterArgumentTransformationError",
            f"{name}: {value!r} is not a GUID such as 1a2b3c4d-0000-0000-0000-123456789abc",
            "InvalidData",
            str(value),
        ) from error


def _computer_name(value: str, name: str = "computer_name") -> str:
    """Read the name of a computer or an inventory host. `target.endpoint` checks whether it can be an address.

    Raises:
        ParameterBindingError: It looks like an address with a user and a password.
    """
    computer_name = addresses.of_host(text(value), name)
    return "localhost" if computer_name == "." else computer_name


def _resource_uri(value: str, name: str) -> str:
    configuration_name = name_in_xml(value, name)
    if not configuration_name:
        return DEFAULT_RESOURCE_URI  # what $PSSessionConfigurationName holds
    if POWERSHELL_RESOURCE_PREFIX in configuration_name.lower():
        return configuration_name
    return POWERSHELL_RESOURCE_PREFIX + configuration_name


def _reference(session: t.Mapping[str, t.Any], name: str) -> SessionReference:
    if not session.get("instance_id"):
        invalid(f"{name}: an entry has no instance_id; give session dicts as the lookup and the modules return them")
    computer_name = session.get("computer_name") or session.get("inventory_hostname")
    if not computer_name and not session.get("connection_uri"):
        invalid(f"{name}: an entry has neither computer_name nor connection_uri")
    remembered = task_options.read(session.get("task_options"))
    for uri in filter(None, (session.get("connection_uri"), remembered.get("connection_uri"))):
        addresses.of_computer(uri, f"{name}.connection_uri")
    return SessionReference(
        instance_id=_guid(session["instance_id"], f"{name}.instance_id"),
        computer_name=_computer_name(str(computer_name or "")),
        connection_uri=session.get("connection_uri"),
        inventory_hostname=session.get("inventory_hostname"),
        name=str(session.get("name") or ""),
        id=session.get("id"),
        state=str(session.get("state") or SessionReference.state),
        computer_type=str(session.get("computer_type") or SessionReference.computer_type),
        task_options=remembered,
    )


@dataclass(frozen=True)
class Query(OptionGroup):
    """Options that select sessions.

    Attributes:
        names: None selects every session.
        new_names: Names of sessions to open, without wildcards.
        instance_ids: GUIDs in lower case.
        resource_uri: Only sessions of this configuration, compared without regard to case; None means any.
        owners: Patterns for the owners of the sessions. None means all owners.
        state: ``all``, ``opened`` or ``disconnected``.
        minimum_age: The minimum of the seconds without a client.
        expires_within: The maximum of the seconds until the server removes them, or None.
        all_known: Whether names and instance ids may mean sessions on every computer that this controller knows.
    """

    names: tuple[WildcardPattern, ...] | None = option(each_of(_name), name="name")
    new_names: tuple[str, ...] = option(each_of(name_in_xml), (), name="session_name")
    ids: tuple[int, ...] = option(filled, (), name="id")
    instance_ids: tuple[str, ...] = option(each_of(_guid), (), name="instance_id")
    sessions: tuple[SessionReference, ...] = option(each_of(_reference), (), name="session")
    resource_uri: str | None = option(_resource_uri, name="configuration_name")
    owners: tuple[WildcardPattern, ...] | None = option(each_of(_pattern), name="owner")
    state: str = option(str, "all")
    minimum_age: float = option(seconds, 0.0)
    expires_within: float | None = option(seconds)
    require_each: bool = option(bool, False)
    all_known: bool = option(bool, False)


@dataclass(frozen=True)
class Target(OptionGroup):
    """Computers and endpoints of the sessions. None means the inventory's value or the default."""

    computer_names: tuple[str, ...] = option(each_of(_computer_name), (), name="computer_name")
    connection_uris: tuple[str, ...] = option(each_of(addresses.of_computer), (), name="connection_uri")
    port: int | None = option(number(1, 65535))
    use_ssl: bool | None = option(bool)
    application_name: str | None = option(str)
    allow_redirection: bool = option(bool, False)


@dataclass(frozen=True)
class LogonOptions(OptionGroup):
    """Options of the log-on. None means the inventory's value or the default."""

    credential: Credential | None = option(Credential.from_option)
    authentication: str | None = option(str)
    transport: str | None = option(str)
    certificate_thumbprint: str | None = option(str)
    certificate_store: str | None = option(str)
    certificate_pem: str | None = option(str)
    certificate_key_pem: str | None = option(str)
    certificate_key_password: str | None = option(str, is_shown=False)
    ca_cert: str | None = option(str)
    server_certificate_fingerprint: str | None = option(fingerprint)

    @property
    def says_how(self) -> bool:
        """Return whether the task's options have all of the log-on, so that it needs nothing from the inventory."""
        return any((self.credential, self.authentication, self.certificate_thumbprint, self.certificate_pem))

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> LogonOptions:
        """Also refuse options that exclude each other (PSRemotingBaseCmdlet.ValidateSpecifiedAuthentication)."""
        read = super().from_options(options)
        authentication, thumbprint = read.authentication, read.certificate_thumbprint
        conflicts = {
            "certificate_thumbprint and certificate_pem": thumbprint and read.certificate_pem,
            "certificate_thumbprint and credential": thumbprint and read.credential,
            f"certificate_thumbprint and authentication={authentication}": (
                thumbprint and authentication not in (None, "default")
            ),
            f"authentication={authentication} and credential": (
                authentication == "negotiate_with_implicit_credential" and read.credential
            ),
        }
        for named, conflict in conflicts.items():
            if conflict:
                raise ParameterBindingError("ParameterBindingFailed", f"{named} cannot be used together", "WriteError")
        return read


@dataclass(frozen=True)
class Flow(OptionGroup):
    """Options for concurrency, errors and waiting.

    Attributes:
        throttle_limit: The maximum number of requests in flight.
        on_missing: ``error``, ``warn`` or ``skip``, for missing sessions.
        stop_on_error: Whether to start nothing more after the first error.
        busy_timeout: Seconds to wait for sessions that another client is connected to.
        lockout_guard: Whether to stop using an account that a few computers refused and none accepted.
    """

    throttle_limit: int = option(throttle_limit, DEFAULT_THROTTLE_LIMIT)
    list_commands: bool = option(bool, False)
    on_missing: str = option(str, "error")
    stop_on_error: bool = option(lambda value, _name: value == "stop", False, name="on_error")
    busy_timeout: float = option(seconds, 0.0)
    lockout_guard: bool = option(bool, True)


@dataclass(frozen=True)
class Change(OptionGroup):
    """Options for the state in which the task leaves the sessions.

    Attributes:
        application_private_data: Whether to ask connected sessions for it.
        force: Whether to remove sessions that another client is connected to.
        when_done: ``keep``, ``disconnect`` or ``remove``, for the sessions after their commands.
    """

    application_private_data: bool = option(bool, False)
    idle_timeout: float | None = option(idle_seconds)
    force: bool = option(bool, False)
    when_done: str = option(str, "keep")


@dataclass(frozen=True)
class Run(OptionGroup):
    """Options for the commands to run and for the output to receive.

    Attributes:
        script: The script of invoke_command.
        in_disconnected_session: Whether to start it in new sessions and disconnect, instead of waiting in existing
            sessions.
        timeout: Seconds to wait for the end of commands, or None to wait until they end.
        recovery_timeout: Seconds to repair one break of the connection while output is received. With 0 breaks are not
            repaired.
        stop: Whether to stop the commands and receive their output so far.
        journal: The file to which all output is written before it is read, or None.
        max_output_objects: The number of objects of each stream that a result keeps, or None for all.
        expected_return_codes: Exit codes that count as success.
    """

    script: Script | None = None
    in_disconnected_session: bool = option(bool, False)
    timeout: float | None = option(seconds)
    recovery_timeout: float = option(seconds, 240.0)
    stop: bool = option(bool, False)
    journal: str | None = option(str)
    max_output_objects: int | None = option(count)
    expected_return_codes: tuple[int, ...] = option(filled, (0,), name="expected_return_code")

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Run:
        """Also check the script with its parameters and input."""
        return dataclasses.replace(super().from_options(options), script=script_of(options))


@dataclass(frozen=True)
class Request:
    """The checked options of one task. Errors have the name of the cmdlet."""

    parameter_set: ParameterSet
    cmdlet: Cmdlet
    query: Query
    target: Target
    logon: LogonOptions
    session_option: SessionOption
    flow: Flow
    change: Change
    run: Run
    given: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def idle_timeout(self) -> float | None:
        """Return the seconds that the server keeps disconnected sessions, or None for no change."""
        idle_timeout = self.change.idle_timeout
        return self.session_option.idle_timeout if idle_timeout is None else idle_timeout

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], cmdlet: Cmdlet = CONNECT) -> Request:
        """Check the options of a task and convert them.

        Args:
            options: Converted values by option name, None for options that were not given.
            cmdlet: The cmdlet, whose parameter sets decide which sessions the options select.

        Raises:
            ParameterBindingError: An option has a bad value, options contradict each other, or an option is not
                possible. The message names the option.
        """
        refuse_half_characters(options)
        logon = LogonOptions.from_options(options)
        run = Run.from_options(options)
        given = {name for name, value in options.items() if value is not None}
        change = Change.from_options(options)
        _check_new_sessions(run, change, given)
        is_new = not cmdlet.parameter_sets or run.in_disconnected_session
        if is_new and "session_name" in given:
            given = (given | {"name"}) - {"session_name"}
        parameter_set = resolve(given, cmdlet.opening_sets if is_new else cmdlet.parameter_sets, cmdlet.narrowing_hint)
        flow = Flow.from_options({**options, **({"list_commands": True} if cmdlet.lists_commands else {})})
        query = _query(options, flow, is_new=is_new)
        _check_all_known(query, parameter_set, cmdlet)
        if not is_new:
            _check_narrowing(options, parameter_set, cmdlet)
        return cls(
            parameter_set,
            cmdlet,
            query=query,
            target=Target.from_options(options),
            logon=logon,
            session_option=_session_option(options),
            flow=flow,
            change=change,
            run=run,
            given=options,
        )

    def with_remembered(self, remembered: t.Mapping[str, t.Any]) -> Request:
        """Return the request with the options that earlier tasks used for one session; see `task_options`.

        Raises:
            ParameterBindingError: One of these options has a bad value.
        """
        if not remembered:
            return self
        options = task_options.applied_to(self.given, remembered)
        return dataclasses.replace(
            self,
            target=Target.from_options({**options, "connection_uri": None}),
            logon=LogonOptions.from_options(options),
            session_option=_session_option(options),
            given=options,
        )


def _session_option(options: t.Mapping[str, t.Any]) -> SessionOption:
    session_option = dict(options.get("session_option") or {})
    if options.get("output_buffering_mode"):
        session_option["output_buffering_mode"] = options["output_buffering_mode"]
    return SessionOption.from_options(session_option)


def _query(options: t.Mapping[str, t.Any], flow: Flow, *, is_new: bool) -> Query:
    if options.get("session") == [] and flow.on_missing != "error":
        # An empty list, from a lookup that found nothing, is handled by `on_missing`.
        options = {**options, "session": None}
    if is_new and options.get("name") is not None:
        names = each_of(name_in_xml)(options["name"], "name")
        return dataclasses.replace(Query.from_options({**options, "name": None}), new_names=names)
    return Query.from_options(options)


def _check_new_sessions(run: Run, change: Change, given: t.Collection[str]) -> None:
    """Refuse options that cannot be combined with Invoke-Command -InDisconnectedSession.

    Names of existing sessions are in `name`, and names of new ones in `session_name`. If they were mixed up, a script
    would run in the wrong sessions.
    """
    if not run.in_disconnected_session:
        if "session_name" in given:
            _together(
                "session_name is for new sessions and needs in_disconnected_session; for existing sessions, set name"
            )
        return
    if "name" in given or "session_name" not in given:
        _together("in_disconnected_session opens new sessions: set their names in session_name, not in name")
    if run.timeout is not None:
        _together(
            "timeout cannot be used with in_disconnected_session, since that task does not wait; set it in "
            "receive_pssession"
        )
    if change.when_done == "remove":
        _together(
            "when_done=remove cannot be used with in_disconnected_session, since that task does not wait; set it in "
            "receive_pssession"
        )


def _check_all_known(query: Query, parameter_set: ParameterSet, cmdlet: Cmdlet) -> None:
    """Refuse to act on every computer that this controller knows, unless the task sets `all_known`."""
    by = parameter_set.mandatory & {"name", "instance_id"}
    reaches_all = parameter_set.is_local and bool(by)
    if query.all_known and not reaches_all:
        _together(
            "all_known is for tasks that run for no Windows host, name no computer and select by name or instance_id"
        )
    if reaches_all and cmdlet.narrowing and not query.all_known:
        raise ParameterBindingError(
            "MissingMandatoryParameter",
            f"{''.join(by)} without a computer means the sessions on every computer that this controller knows. "
            "Nothing was sent.",
            hint="Name the computers in computer_name, or run the task on a Windows host of the inventory. "
            "all_known: true acts on all of them.",
        )


def _check_narrowing(options: t.Mapping[str, t.Any], parameter_set: ParameterSet, cmdlet: Cmdlet) -> None:
    """Refuse a task that would receive from, remove or run a script in all sessions of a computer by mistake."""
    names_computers = parameter_set.mandatory & {"computer_name", "connection_uri"}
    if names_computers and cmdlet.narrowing and not any(options.get(name) for name in cmdlet.narrowing):
        raise ParameterBindingError(
            "MissingMandatoryParameter",
            f"{''.join(names_computers)} alone would mean all sessions of the computers. Nothing was sent.",
            hint=cmdlet.narrowing_hint,
        )


def _together(message: str) -> t.NoReturn:
    raise ParameterBindingError("AmbiguousParameterSet", message)
