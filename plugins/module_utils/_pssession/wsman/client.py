"""WS-Management operations on remote shells, as one client session speaks them to one endpoint.

The names of the operations are those of MS-WSMV.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ..model.codes import Code, Reason, reason_of
from ..model.endpoints import Endpoint
from ..model.errors import TransportError, WSManFault
from ..model.sessions import ListedCommand, Shell
from ..system.world import LogonObserver, Unobserved, World
from . import envelope, soap
from .duration import duration
from .elements import is_named, octets_of, shell_of, xml_text
from .envelope import Envelopes, Request, element
from .http import Redirected
from .soap import NAMESPACES, qname

SHELL_RESOURCE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
COMMAND_RESOURCE = f"{SHELL_RESOURCE}/Command"
SELECTOR_FILTER_DIALECT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
PROTOCOL_VERSION = "2.3"
# The shortest operation timeout that servers accept, in seconds (MaxTimeoutms).
LEAST_WAIT = 0.5
# Seconds that the answer to a Receive may take beyond the time that the server waits for output: to connect, to log on
# and to transfer it.
RECEIVE_MARGIN = 30.0
MAX_ELEMENTS = 32000
# Bytes that a request has besides PSRP data in Base64: its header, the elements of its body, and a command line. The
# longest addresses, URIs and command lines take about 3,000.
ENVELOPE_OVERHEAD_BYTES = 4096
# Servers refuse a smaller MaxEnvelopeSize.
LEAST_ENVELOPE_BYTES = 8192
# The maximum number of consecutive pages without new entries. No server that makes progress sends that many.
MAX_IDLE_PAGES = 10
# Items and characters of all pages of an enumeration.
MAX_LISTED = 100_000
MAX_LISTED_CHARACTERS = 16 * 1024 * 1024
_PROTOCOL = envelope.options({"protocolversion": (PROTOCOL_VERSION, True)})
_KEEPALIVE = envelope.options({"WSMAN_CMDSHELL_OPTION_KEEPALIVE": ("True", False)})
# The first element of an answer's body, for the operations whose answers have content.
_ANSWERS = {
    "Enumerate": "wsen:EnumerateResponse",
    "Pull": "wsen:PullResponse",
    "Connect": "rsp:ConnectResponse",
    "Command": "rsp:CommandResponse",
    "Receive": "rsp:ReceiveResponse",
}
# If an answer to Receive comes without data within this number of seconds, the server did not wait for output as it
# should.
_AT_ONCE = 0.5
# Seconds to wait before the next Receive after such an answer, doubled after each further one, and the maximum.
_BACKOFF, _MAX_BACKOFF = 0.1, 10.0
# After this number of them in a row, about 15 minutes, receiving ends.
MAX_EMPTY_ANSWERS = 100


@dataclass(frozen=True)
class Listing:
    """The shells one endpoint listed.

    Attributes:
        endpoint: Their endpoint, after all redirections.
        unidentified: The number of entries without a usable ShellId.
        mechanism: The negotiated scheme, as in `Conversation`.
    """

    shells: tuple[Shell, ...]
    endpoint: Endpoint
    unidentified: int = 0
    mechanism: str = ""


class WSManClient:
    """One client session (wsmv:SessionId) with one endpoint. Only one thread at a time may use it.

    Args:
        endpoint: The endpoint. After a redirection, the new one.
        client_id: The client's identity on the wire, a GUID. Servers identify the connected client by it.

    All methods take a deadline in seconds of the world's clock and raise TransportError, or WSManFault when the
    server refused.
    """

    def __init__(self, endpoint: Endpoint, client_id: str, world: World) -> None:
        self.endpoint = endpoint
        self.world = world
        self._http = world.conversation(endpoint)
        self._envelopes = Envelopes(endpoint, client_id)
        self._empty_answers = 0

    @property
    def payload_bytes(self) -> int:
        """Return the maximum number of bytes of PSRP data in one request.

        A server has one size limit for the envelopes of requests and of answers (MaxEnvelopeSizekb). Base64 makes four
        characters of three bytes.
        """
        envelope_bytes = max(self.endpoint.settings.max_envelope_size, LEAST_ENVELOPE_BYTES)
        return (envelope_bytes - ENVELOPE_OVERHEAD_BYTES) // 4 * 3

    def new_deadline(self) -> float:
        """Return the deadline of an operation that begins now, in seconds of the world's clock."""
        return self.world.monotonic() + self.endpoint.option.open_timeout

    def new_signal_deadline(self) -> float:
        """Return the deadline of a signal that is sent now, in seconds of the world's clock."""
        option = self.endpoint.option
        return self.world.monotonic() + (option.cancel_timeout or option.open_timeout)

    def new_receive_deadline(self, wait: float | None) -> float:
        """Return the deadline of a Receive that begins now, in seconds of the world's clock.

        A server may hold it for the whole time while the command is silent (MS-WSMV 3.1.4.14), however short the open
        timeout is.

        Args:
            wait: Seconds that the server is asked to wait for output. None means the maximum for one Receive.
        """
        return self.world.monotonic() + self._poll(wait) + RECEIVE_MARGIN

    @contextlib.contextmanager
    def observed(self, observer: LogonObserver) -> t.Iterator[None]:
        """Notify an observer of the conversation's log-ons while the block runs."""
        self._http.observer = observer
        try:
            yield
        finally:
            self._http.observer = Unobserved()

    def close(self) -> None:
        """End the HTTP conversation. The shells on the server do not change."""
        self._http.close()

    def enumerate_shells(self, deadline: float) -> Listing:
        """List all shells, of any kind, that the user may see. All pages are read (MS-WSMV 3.1.4.8)."""
        shells: dict[str, Shell] = {}
        unidentified = 0
        for item in self._enumerate(SHELL_RESOURCE, "", deadline):
            shell = shell_of(item)
            if shell is None:
                unidentified += 1
            else:
                shells.setdefault(shell.shell_id.upper(), shell)
        return Listing(tuple(shells.values()), self.endpoint, unidentified, self._http.mechanism)

    def enumerate_commands(self, shell: Shell, deadline: float) -> tuple[ListedCommand, ...]:
        """List the commands that exist in a shell (MS-WSMV 3.1.4.8.2)."""
        selection = element("wsman:Filter", envelope.selectors(shell.shell_id.upper()), Dialect=SELECTOR_FILTER_DIALECT)
        return tuple(
            ListedCommand(
                command_id=item.findtext("rsp:CommandId", "", NAMESPACES).lower(),
                command_line=item.findtext("rsp:CommandLine", "", NAMESPACES),
                state=item.findtext("rsp:CommandState", "", NAMESPACES),
            )
            for item in self._enumerate(COMMAND_RESOURCE, selection, deadline)
        )

    def connect(self, shell: Shell, connect_xml: bytes, buffering_mode: str | None, deadline: float) -> bytes:
        """Connect to a disconnected shell (MS-WSMV 3.1.4.17) and return the PSRP data of the answer.

        Args:
            connect_xml: PSRP fragments of the client's first messages (MS-PSRP 3.1.5.3.14).
            buffering_mode: ``Block``, ``Drop`` or None to leave it as it is.
        """
        body = element("rsp:Connect", _buffering(buffering_mode) + element("ps:connectXml", _base64(connect_xml)))
        answer = self._ask(shell, envelope.CONNECT, body, deadline, options=_PROTOCOL)
        return octets_of(answer.findtext("rsp:ConnectResponse/ps:connectResponseXml", "", NAMESPACES))

    def reconnect(self, shell: Shell, buffering_mode: str | None, deadline: float) -> None:
        """Reconnect to a shell to which this client session was connected (MS-WSMV 3.1.4.16).

        A server that still counts this client as connected accepts it and changes nothing.
        """
        body = element("rsp:Reconnect", _buffering(buffering_mode)) if buffering_mode else ""
        self._ask(shell, envelope.RECONNECT, body, deadline)

    def create(self, shell: Shell, creation_xml: bytes, idle_timeout: float | None, deadline: float) -> Shell:
        """Create a shell with a given id, name and configuration (MS-WSMV 3.1.4.5.2).

        The endpoint's session option has its buffering mode, and whether the user's profile is loaded.

        Args:
            creation_xml: PSRP fragments of the client's first messages (MS-PSRP 3.1.5.3.1).
            idle_timeout: Seconds the server keeps it without a client, or None to leave that to the server.

        Returns:
            The shell as the server describes it.
        """
        option = self.endpoint.option
        # The name is an attribute, as PowerShell's own client has it.
        body = element(
            "rsp:Shell",
            element("rsp:InputStreams", "stdin pr")
            + element("rsp:OutputStreams", "stdout")
            + ("" if idle_timeout is None else element("rsp:IdleTimeOut", f"PT{idle_timeout:.3f}S"))
            + _buffering(option.output_buffering_mode)
            + element("ps:creationXml", _base64(creation_xml)),
            ShellId=shell.shell_id,
            Name=shell.name or "",
        )
        options = _PROTOCOL
        if option.no_machine_profile:
            options = envelope.options(
                {"protocolversion": (PROTOCOL_VERSION, True), "WINRS_NOPROFILE": ("TRUE", False)}
            )
        answer = self._invoke(Request(envelope.CREATE, shell.resource_uri, body, options=options), deadline)
        described = answer.find("rsp:Shell", NAMESPACES)
        created = shell_of(described) if described is not None else None
        if created is None or created.shell_id.upper() != shell.shell_id.upper():
            raise soap.improper("the answer to Create does not describe the shell that was asked for")
        return created

    def disconnect(self, shell: Shell, idle_timeout: float | None, buffering_mode: str | None, deadline: float) -> None:
        """Disconnect from a shell to which this client session is connected (MS-WSMV 3.1.4.15).

        Args:
            idle_timeout: Seconds the server keeps it without a client, or None to leave that as it is.
            buffering_mode: ``Block``, ``Drop`` or None to leave it as it is.
        """
        idle = "" if idle_timeout is None else element("rsp:IdleTimeOut", duration(idle_timeout))
        body = element("rsp:Disconnect", idle + _buffering(buffering_mode))
        self._ask(shell, envelope.DISCONNECT, body, deadline)

    def delete(self, shell: Shell, deadline: float) -> None:
        """Delete a shell and everything in it (MS-WSMV 3.1.4.3)."""
        self._ask(shell, envelope.DELETE, "", deadline)

    def start_command(
        self, shell: Shell, command_id: str, command_line: str, arguments: bytes, deadline: float
    ) -> None:
        """Start a command in a shell (MS-WSMV 3.1.4.11).

        Args:
            command_line: The command line that listings show.
            arguments: PSRP fragments that describe the pipeline, or the first of them.
        """
        body = element(
            "rsp:CommandLine",
            element("rsp:Command", escape(xml_text(command_line))) + element("rsp:Arguments", _base64(arguments)),
            CommandId=command_id,
        )
        self._ask(shell, envelope.COMMAND, body, deadline)

    def connect_command(self, shell: Shell, command_id: str, deadline: float) -> None:
        """Become the client of a command in a shell just connected to (MS-PSRP 3.1.5.3.15)."""
        self._ask(shell, envelope.CONNECT, element("rsp:Connect", CommandId=command_id), deadline)

    def send(self, shell: Shell, command_id: str | None, data: bytes, deadline: float, stream: str = "stdin") -> None:
        """Send PSRP fragments to a command or to the shell itself (MS-WSMV 3.1.4.12).

        Args:
            command_id: None for the shell.
            stream: ``stdin``, or ``pr`` for answers to calls of the host.
        """
        sent = element("rsp:Stream", _base64(data), Name=stream, **_of(command_id))
        self._ask(shell, envelope.SEND, element("rsp:Send", sent), deadline)

    def signal(self, shell: Shell, command_id: str, code: str, deadline: float) -> None:
        """Send a signal to a command (MS-WSMV 3.1.4.13)."""
        body = element("rsp:Signal", element("rsp:Code", escape(code)), CommandId=command_id)
        self._ask(shell, envelope.SIGNAL, body, deadline)

    def receive(self, shell: Shell, deadline: float, wait: float | None = None) -> list[bytes]:
        """Receive data of the shell's output stream (MS-WSMV 3.1.4.14).

        Args:
            wait: Seconds to wait for something; None, and more than `Endpoint.longest_poll`, means that.

        Returns:
            The contents of the streams; empty when nothing came in that time.
        """
        return self._receive(shell, None, deadline, wait)[0]

    def receive_command(
        self, shell: Shell, command_id: str, deadline: float, wait: float | None = None
    ) -> tuple[list[bytes], bool]:
        """Receive data of a command's output stream, in the same way.

        Args:
            wait: Seconds to wait for something; None, and more than `Endpoint.longest_poll`, means that.

        Returns:
            The contents of the streams, and whether the command has ended.
        """
        return self._receive(shell, command_id, deadline, wait)

    def _receive(
        self, shell: Shell, command_id: str | None, deadline: float, wait: float | None = None
    ) -> tuple[list[bytes], bool]:
        body = element("rsp:Receive", element("rsp:DesiredStream", "stdout", **_of(command_id)))
        self._back_off(deadline)
        began = self.world.monotonic()
        poll = self._poll(wait)
        try:
            answer = self._ask(shell, envelope.RECEIVE, body, deadline, options=_KEEPALIVE, wait=poll)
        except TransportError as error:
            if error.code != Code.OPERATION_TIMED_OUT:
                raise
            pieces, is_done = [], False
        else:
            streams = answer.findall("rsp:ReceiveResponse/rsp:Stream", NAMESPACES)
            state = answer.find("rsp:ReceiveResponse/rsp:CommandState", NAMESPACES)
            is_done = state is not None and state.get("State", "").endswith("/Done")
            pieces = [piece for piece in (octets_of(stream.text or "") for stream in streams) if piece]
        came_at_once = self.world.monotonic() - began < min(_AT_ONCE, LEAST_WAIT if wait is None else wait)
        self._empty_answers = self._empty_answers + 1 if came_at_once and not pieces and not is_done else 0
        return pieces, is_done

    def _back_off(self, deadline: float) -> None:
        """Wait before a Receive if the server answers without output immediately, instead of waiting for output.

        Raises:
            TransportError: It has done so too often.
        """
        if not self._empty_answers:
            return
        if self._empty_answers >= MAX_EMPTY_ANSWERS:
            raise soap.improper(f"the server answered {self._empty_answers} times in a row at once and without output")
        wait = min(_BACKOFF * 2 ** (self._empty_answers - 1), _MAX_BACKOFF)
        self.world.sleep(max(min(wait, deadline - self.world.monotonic()), 0.0))

    def _poll(self, wait: float | None) -> float:
        """Return the time that one Receive waits for output, in seconds."""
        longest = float(self.endpoint.longest_poll)
        return longest if wait is None else min(max(wait, LEAST_WAIT), longest)

    def _enumerate(self, resource_uri: str, selection: str, deadline: float) -> t.Iterator[ET.Element]:
        """Yield the items of an enumeration over all its pages (DSP0226 section 8)."""
        most = element("wsman:MaxElements", str(MAX_ELEMENTS))
        body = element("wsen:Enumerate", element("wsman:OptimizeEnumeration") + most + selection)
        response = self._invoke(Request(envelope.ENUMERATE, resource_uri, body), deadline)[0]
        seen: set[tuple[str, ...]] = set()
        idle_pages = listed = characters = 0
        while True:
            # In an optimised EnumerateResponse the items are in the wsman namespace, in a PullResponse in wsen.
            items = [item for child in response if is_named(child, "Items") for item in child]
            listed += len(items)
            characters += sum(len(text) for item in items for text in item.itertext())
            if listed > MAX_LISTED or characters > MAX_LISTED_CHARACTERS:
                raise soap.improper(
                    f"the list has more than {MAX_LISTED} entries or {MAX_LISTED_CHARACTERS} characters"
                )
            yield from items
            context = response.findtext("wsen:EnumerationContext", "", NAMESPACES).strip()
            if not context or any(is_named(child, "EndOfSequence") for child in response):
                return
            new = {tuple(item.itertext()) for item in items} - seen
            seen |= new
            idle_pages = 0 if new else idle_pages + 1
            if idle_pages > MAX_IDLE_PAGES:
                raise soap.improper("the list of shells does not end: the server repeats its entries")
            place = element("wsen:EnumerationContext", escape(context))
            body = element("wsen:Pull", place + element("wsen:MaxElements", str(MAX_ELEMENTS)))
            response = self._invoke(Request(envelope.PULL, resource_uri, body), deadline)[0]

    def _ask(
        self, shell: Shell, action: str, body: str, deadline: float, *, options: str = "", wait: float | None = None
    ) -> ET.Element:
        """Send one request about a shell and return the Body of its answer."""
        return self._invoke(Request(action, shell.resource_uri, body, shell.shell_id, options, wait), deadline)

    def _invoke(self, request: Request, deadline: float) -> ET.Element:
        """Send one request and return the Body of its answer."""
        try:
            answer = self._answer(request, deadline)
        except TransportError as error:
            if reason_of(error.code) is Reason.UNREACHABLE and not isinstance(error, WSManFault):
                error.add_way(self._http.way)
            if self.endpoint.inventory_hostname is not None:
                error.name_variables_of(self.endpoint.settings.transport)
            raise
        fault = soap.find_fault(answer)
        if fault is not None:
            raise fault
        found = t.cast(ET.Element, answer.find("s:Body", NAMESPACES))
        expected = _ANSWERS.get(request.operation)
        if expected is not None and [child.tag for child in found] != [qname(expected)]:
            raise soap.improper(f"the answer to {request.operation} has no {expected.partition(':')[2]}")
        return found

    def _answer(self, request: Request, deadline: float) -> ET.Element:
        """Send one request and return the envelope of its answer, which has a body."""
        message_id, text = self._send_following(request, deadline)
        try:
            answer = ET.fromstring(text)
        except ET.ParseError as error:
            raise soap.improper(f"the answer is not well-formed XML ({error})", is_break=True) from error
        if answer.findtext("s:Header/wsa:RelatesTo", "", NAMESPACES) != message_id:
            raise soap.improper("the answer belongs to another request", is_break=True)
        if answer.tag != qname("s:Envelope") or answer.find("s:Body", NAMESPACES) is None:
            raise soap.improper("the answer is XML, but not a SOAP envelope with a body")
        return answer

    def _send_following(self, request: Request, deadline: float) -> tuple[str, str]:
        """Send one request, and again at each address of a redirection. `HttpConversation` refuses bad addresses.

        Returns:
            The id of the message, and the text of the answer.
        """
        while True:
            remaining = deadline - self.world.monotonic()
            if remaining <= 0:
                raise TransportError(
                    Code.OPERATION_TIMEOUT,
                    f"not finished within {self.endpoint.option.open_timeout:g} seconds (session_option.open_timeout)",
                    delivered=False,
                )
            self._http.time_limit = min(self.endpoint.answer_timeout, remaining)
            message_id = f"uuid:{self.world.new_guid().upper()}"
            try:
                return message_id, self._http.send(self._envelopes.make(request, message_id, self._http.endpoint))
            except Redirected as redirection:
                self._http.follow(redirection.uri)
                self.endpoint = self.endpoint.redirected_to(redirection.uri)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _buffering(mode: str | None) -> str:
    return element("rsp:BufferMode", mode) if mode else ""


def _of(command_id: str | None) -> dict[str, str]:
    """Return the attributes that identify a command. For the shell itself there are none."""
    return {} if command_id is None else {"CommandId": command_id}
