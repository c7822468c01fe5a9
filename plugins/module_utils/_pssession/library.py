"""The engine as a library: sessions of any computer without Ansible, an inventory or a registry.

    with Remoting() as remoting:
        computer = endpoint_at("https://srv01:5986/wsman", credential={"username": user, "password": password})
        session = remoting.new(computer, "Nightly")
        command_id = remoting.start(session, Script("Get-Service"))
        for event in remoting.receive(session, command_id):
            ...
        remoting.disconnect(session)

Each method is one cmdlet for one session. It does not plan, wait for other clients or report. `engine.run` does this
for tasks, with the same parts.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing as t

from .finding.discovery import as_session
from .model.cmdlets import GET
from .model.commands import Script
from .model.endpoints import Endpoint
from .model.errors import PSSessionError, TransportError, WSManFault
from .model.events import CommandEvent, ReceiveEnded
from .model.sessions import DEFAULT_RESOURCE_URI, Availability, ListedCommand, PSSession, SessionKey, Shell, State
from .model.settings import HostSettings
from .output.claiming import Claimed, Claiming, take
from .output.connecting import Awake, hurried
from .output.receiving import STOP, TERMINATE, Needs, Receiving
from .psrp import handshake, opening, starting
from .psrp.message_stream import MessageStream
from .request.request import LogonOptions, Request
from .state.journals import journal_at
from .system.libraries import require_libraries
from .system.world import World
from .target.endpoint import endpoints
from .target.logon import unusable
from .task.context import real_world
from .wsman.client import WSManClient
from .wsman.pool import ClientPool

__all__ = [
    "Claimed",
    "CommandEvent",
    "Endpoint",
    "HostSettings",
    "ListedCommand",
    "PSSession",
    "PSSessionError",
    "Remoting",
    "Script",
    "TransportError",
    "WSManFault",
    "World",
    "endpoint_at",
    "endpoint_of",
    "session_at",
]

_OPTIONS = {each.name for each in dataclasses.fields(LogonOptions)} | {"session_option", "allow_redirection"}

Answer = t.TypeVar("Answer")


def endpoint_at(uri: str, **options: t.Any) -> Endpoint:
    """Return the endpoint at an address.

    Args:
        uri: A connection URI. Without a path it means /wsman, without a port that of its scheme (80 or 443).
        options: Options of the module connect_pssession about logging on and the connection: `credential`,
            `authentication`, `certificate_pem`, `ca_cert`, `session_option` and so on.

    Raises:
        ParameterBindingError: The URI or the value of an option cannot be used.
        TypeError: An option does not exist.
    """
    if unknown := options.keys() - _OPTIONS:
        raise TypeError(f"endpoint_at() has no option {', '.join(sorted(unknown))}")
    return _endpoint({"connection_uri": [uri], **options}, None)


def endpoint_of(settings: HostSettings, session_option: t.Mapping[str, t.Any]) -> Endpoint:
    """Return the endpoint of a computer from the settings of an inventory.

    Args:
        settings: The settings, with the computer's name in `computer_name`.
        session_option: As the option of the module connect_pssession.

    Raises:
        ParameterBindingError: The settings cannot be used.
    """
    return _endpoint({"computer_name": [settings.computer_name], "session_option": session_option}, settings)


def session_at(
    endpoint: Endpoint, instance_id: str, name: str, *, resource_uri: str = DEFAULT_RESOURCE_URI
) -> PSSession:
    """Return a session with an id, for `Remoting.claim`. The session need not exist.

    Args:
        instance_id: A GUID.
        name, resource_uri: As for `Remoting.new`.
    """
    shell = Shell(instance_id.upper(), resource_uri, state="", name=name)
    return PSSession(endpoint, shell, State.CLOSED, Availability.NONE)


def _endpoint(options: t.Mapping[str, t.Any], settings: HostSettings | None) -> Endpoint:
    (endpoint,) = endpoints(Request.from_options(options, GET), lambda _computer, _host: settings)
    return endpoint


class Remoting:
    """One client of any number of computers. Several threads may call its methods at the same time.

    All methods raise TransportError if a computer cannot be reached or its answer cannot be used, and WSManFault if the
    server refuses. `TransportError.delivered` says whether the request may have taken effect. Requests take at most the
    time-outs of the endpoint's session option.

    Args:
        client_id: The client's identity on the wire, a GUID. Servers identify the connected client by it. Only a client
            with the same id can continue the work of a client that ended. None means a new id.
        journal: A file, or a folder if the path ends with a slash. Output is written there before it is read, so it is
            complete even if the receiving process is killed.
        world: Access to network, time, random numbers, threads and files. None means the real ones.

    Raises:
        PSSessionError: pypsrp is missing, or the journal cannot be used.
    """

    def __init__(self, client_id: str | None = None, *, journal: str | None = None, world: World | None = None) -> None:
        require_libraries()
        self._world = world or real_world()
        self.client_id = client_id or self._world.new_guid()
        self._journal = journal_at(journal, self._world.disk)
        self._pool = ClientPool(self.client_id, self._world)
        # Commands whose output this client may receive without connecting to them first.
        self._connected: dict[SessionKey, set[str]] = {}

    def __enter__(self) -> Remoting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Sessions do not change. A server disconnects a silent client after about a minute."""
        self._pool.close()

    def get(self, endpoint: Endpoint) -> list[PSSession]:
        """List the PowerShell sessions of a computer (Get-PSSession).

        A session that the server lists as Connected is Busy, whichever client is connected.
        """
        now = self._world.now()
        listing = self._ask(endpoint, lambda client: client.enumerate_shells(client.new_deadline()))
        return [as_session(shell, listing.endpoint, now) for shell in listing.shells if shell.is_powershell]

    def commands(self, session: PSSession) -> tuple[ListedCommand, ...]:
        """List the commands that exist in a session."""
        return self._ask(
            session.endpoint, lambda client: client.enumerate_commands(session.shell, client.new_deadline())
        )

    def new(
        self,
        endpoint: Endpoint,
        name: str,
        *,
        resource_uri: str = DEFAULT_RESOURCE_URI,
        instance_id: str | None = None,
    ) -> PSSession:
        """Open a session and stay connected to it (New-PSSession).

        Args:
            resource_uri: The session configuration's.
            instance_id: A GUID that identifies the session if the answer is lost. None means a new one.

        If the caller is interrupted meanwhile, the session is removed.
        """
        session = session_at(endpoint, instance_id or self._world.new_guid(), name, resource_uri=resource_uri)
        try:
            shell = self._ask(
                endpoint, lambda client: opening.open_session(client, session.shell, client.new_deadline())
            )
        except Exception:
            raise
        except BaseException:
            self.abort(session)
            raise
        return dataclasses.replace(session, shell=shell).opened()

    def connect(self, session: PSSession) -> PSSession:
        """Connect to a listed session (Connect-PSSession).

        A session that is Busy is confirmed by a Reconnect: the server accepts it from the client that is connected, and
        refuses any other.
        """
        mode = session.endpoint.option.output_buffering_mode

        def request(client: WSManClient) -> None:
            if session.availability is Availability.BUSY:
                client.reconnect(session.shell, None, client.new_deadline())
            else:
                handshake.connect(client, session.shell, mode, client.new_deadline())

        self._ask(session.endpoint, request)
        return session.opened()

    def start(self, session: PSSession, script: Script, command_id: str | None = None) -> str:
        """Start a script in a connected session without waiting for it, and return the id of the command.

        Args:
            command_id: A GUID that identifies the command if the answer is lost. None means a new one. A server refuses
                an id that exists in the session.

        Raises:
            IncompleteStart: The command exists, but the server does not have all of its script or input.
        """
        command_id = command_id or self._world.new_guid()
        self._journal.note_start(session, command_id)
        self._ask(
            session.endpoint,
            lambda client: starting.start(client, session.shell, command_id, script, Awake(client, session)),
        )
        self._note_connected(session, command_id)
        return command_id

    def claim(
        self,
        session: PSSession,
        script: Script,
        command_id: str,
        *,
        busy_timeout: float = 0.0,
        recovery_timeout: float = 0.0,
    ) -> Claimed:
        """Start a script under an id that follows from the work, unless the session has a command of that id.

        All processes that do the same work use the same id, so the work starts once. If the session does not exist, it
        is opened. `messages` receives the output of the command, and `forget` frees its id. If the caller is
        interrupted meanwhile, session and command stay, because the command may be running.

        Args:
            session: See `session_at`.
            script: A script without input. Its title differs in each call.
            command_id: A GUID.
            busy_timeout: Seconds to wait for a session that another client is connected to.
            recovery_timeout: Seconds to get over one break of the connection.

        Raises:
            TooLarge: The script does not fit into one request; nothing was sent.
        """
        problem = unusable(session.endpoint)
        if problem is not None:
            raise problem
        claiming = Claiming(
            self._pool, session, command_id, script, busy_timeout=busy_timeout, recovery_timeout=recovery_timeout
        )
        claimed = claiming.claim()
        self._journal.note_start(session, command_id)
        if claimed.needs is Needs.NOTHING:
            self._note_connected(session, command_id)
        return claimed

    def receive(
        self,
        session: PSSession,
        command_id: str,
        *,
        timeout: float | None = None,
        recovery_timeout: float = 0.0,
        stop: bool = False,
    ) -> t.Iterator[CommandEvent]:
        """Yield the output of a command in a connected session (Receive-PSSession). The last event is `ReceiveEnded`.

        A failure while receiving does not raise an exception. It is the cause in the last event.

        Args:
            timeout: Seconds to wait for the end of the command; None waits as long as it runs.
            recovery_timeout: Seconds to repair one break of the connection. With 0 a break ends receiving.
            stop: Stop the command first.

        Raises:
            JournalError: The journal cannot be read or written.
        """
        is_connected = command_id in self._connected.get(session.key, ())
        for event in Receiving(
            session,
            command_id,
            self._pool,
            self._journal,
            needs=Needs.NOTHING if is_connected else Needs.COMMAND,
            timeout=timeout,
            recovery_timeout=recovery_timeout,
            stop=stop,
        ):
            if isinstance(event, ReceiveEnded) and event.cause is None:
                self._note_connected(session, command_id)
            yield event

    def messages(
        self,
        session: PSSession,
        command_id: str,
        *,
        needs: Needs = Needs.NOTHING,
        recovery_timeout: float = 0.0,
        confirms: bool = False,
    ) -> t.Iterator[CommandEvent]:
        """Yield the messages of a command that this client started or claimed, and the events of receiving.

        The events are MessageReceived, MessageUnreadable, Reconnecting, Reconnected, Finished and, as the last one,
        ReceiveEnded. The server keeps the command until `forget`, or with the session.

        Args:
            needs: The value that `claim` returned.
            recovery_timeout: As for `receive`.
            confirms: Whether the server forgets the command once Finished was taken.
        """
        return iter(
            Receiving(
                session,
                command_id,
                self._pool,
                self._journal,
                needs=needs,
                recovery_timeout=recovery_timeout,
                stream=MessageStream,
                confirms=confirms,
            )
        )

    def payload_bytes(self, endpoint: Endpoint) -> int:
        """Return the maximum number of bytes of PSRP data in one request to an endpoint."""
        with self._pool.lend(endpoint) as client:
            return client.payload_bytes

    def forget(self, session: PSSession, command_id: str) -> None:
        """Make the server forget a command in a connected session. Its end must have been received."""
        self._signal(session, command_id, TERMINATE)

    def abort(self, session: PSSession, command_id: str | None = None) -> None:
        """Stop a command, if one is given, and remove its session, for a caller that was interrupted.

        Each request has 10 seconds. Failures are ignored, because the server ends the session later.
        """
        session = hurried(session)
        if command_id is not None:
            with contextlib.suppress(TransportError):
                self.stop(session, command_id)
        with contextlib.suppress(TransportError):
            self.remove(session)

    def end(self, session: PSSession, command_id: str, *, busy_timeout: float | None = None) -> None:
        """Stop a command and make the server forget it. Its session stays.

        Args:
            busy_timeout: Connect to the session first, and wait this number of seconds for another client. None means
                that it is connected and the caller was interrupted. Then each request has 10 seconds, and failures are
                ignored.
        """
        if busy_timeout is not None:
            take(self._pool, session, busy_timeout)
            with contextlib.suppress(WSManFault):  # of a command that has ended
                self.stop(session, command_id)
            self.forget(session, command_id)
            return
        session = hurried(session)
        for code in (STOP, TERMINATE):
            with contextlib.suppress(TransportError):
                self._signal(session, command_id, code)

    def stop(self, session: PSSession, command_id: str) -> None:
        """Ask a command in a connected session to stop. `receive` yields its end."""
        self._signal(session, command_id, STOP)

    def disconnect(self, session: PSSession, idle_timeout: float | None = None) -> PSSession:
        """Disconnect from a session, whose commands go on (Disconnect-PSSession).

        Args:
            idle_timeout: Seconds that the server keeps the session without a client. None keeps the present value.
        """
        mode = session.endpoint.option.output_buffering_mode
        self._ask(
            session.endpoint, lambda client: client.disconnect(session.shell, idle_timeout, mode, client.new_deadline())
        )
        self._connected.pop(session.key, None)
        return dataclasses.replace(session, state=State.DISCONNECTED, availability=Availability.NONE)

    def remove(self, session: PSSession) -> None:
        """Remove a session, and all work in it, whether or not a client is connected to it (Remove-PSSession)."""
        self._ask(session.endpoint, lambda client: client.delete(session.shell, client.new_deadline()))
        self._connected.pop(session.key, None)

    def _ask(self, endpoint: Endpoint, request: t.Callable[[WSManClient], Answer]) -> Answer:
        problem = unusable(endpoint)
        if problem is not None:
            raise problem
        with self._pool.lend(endpoint) as client:
            return request(client)

    def _signal(self, session: PSSession, command_id: str, code: str) -> None:
        self._ask(
            session.endpoint,
            lambda client: client.signal(session.shell, command_id.upper(), code, client.new_signal_deadline()),
        )

    def _note_connected(self, session: PSSession, command_id: str) -> None:
        self._connected.setdefault(session.key, set()).add(command_id)
