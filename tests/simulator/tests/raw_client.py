# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WSMan client that writes its envelopes by hand, so that a test can send exactly what it means."""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import requests

from .. import SimulatedComputer, User
from ..waiting import PATIENCE

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "wst": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "wsen": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "wsman": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "wsmv": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "ps": "http://schemas.microsoft.com/powershell",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
}
SHELL = NS["rsp"]
POWERSHELL = NS["ps"] + "/Microsoft.PowerShell"
SELECTOR_FILTER = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
_ACTIONS = {
    **{name: f"{NS['wst']}/{name}" for name in ("Create", "Get", "Delete")},
    **{name: f"{NS['wsen']}/{name}" for name in ("Enumerate", "Pull", "Release")},
}

SESSION_CAPABILITY, INIT_RUNSPACEPOOL, CONNECT_RUNSPACEPOOL = 0x00010002, 0x00010004, 0x00010008
RUNSPACEPOOL_STATE, INIT_DATA, PRIVATE_DATA = 0x00021005, 0x0002100B, 0x00021009
CREATE_PIPELINE, PIPELINE_INPUT, END_OF_INPUT = 0x00021006, 0x00041002, 0x00041003
PIPELINE_OUTPUT, PIPELINE_STATE = 0x00041004, 0x00041006


def capability(version: str = "2.3") -> str:
    """CLIXML of SESSION_CAPABILITY."""
    return (
        f'<Obj RefId="0"><MS><Version N="protocolversion">{version}</Version><Version N="PSVersion">2.0</Version>'
        '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>'
    )


def limits(minimum: int = 1, maximum: int = 1) -> str:
    """CLIXML with the two limits of a pool."""
    return f'<Obj RefId="0"><MS><I32 N="MinRunspaces">{minimum}</I32><I32 N="MaxRunspaces">{maximum}</I32></MS></Obj>'


_HOST_INFO = (
    '<Obj N="HostInfo" RefId="90"><MS><B N="_isHostNull">{null}</B><B N="_isHostUINull">{null}</B>'
    '<B N="_isHostRawUINull">true</B><B N="_useRunspaceHost">{inherited}</B></MS></Obj>'
)

_MERGES = (
    *("MergeMyResult", "MergeToResult", "MergePreviousResults"),
    *("MergeError", "MergeWarning", "MergeVerbose", "MergeDebug", "MergeInformation"),
)


def _enumeration(name: str, type_name: str, text: str, number: int, reference: int) -> str:
    return (
        f'<Obj N="{name}" RefId="{reference}"><TN RefId="{reference}"><T>System.Management.Automation.Runspaces.'
        f"{type_name}</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN><ToString>{text}</ToString>"
        f"<I32>{number}</I32></Obj>"
    )


def init_runspacepool(minimum: int = 1, maximum: int = 1, with_host: bool = False) -> str:
    """CLIXML of a whole INIT_RUNSPACEPOOL, as a real PowerShell expects it.

    Args:
        with_host: the client has a host with a user interface, so prompts are sent to it.
    """
    host = _HOST_INFO.format(null=str(not with_host).lower(), inherited="false")
    return (
        f'<Obj RefId="0"><MS><I32 N="MinRunspaces">{minimum}</I32><I32 N="MaxRunspaces">{maximum}</I32>'
        + _enumeration("PSThreadOptions", "PSThreadOptions", "Default", 0, 1)
        + _enumeration("ApartmentState", "ApartmentState", "Unknown", 2, 2)
        + f'{host}<Nil N="ApplicationArguments" /></MS></Obj>'
    )


def create_script(text: str, no_input: bool = True) -> str:
    """CLIXML of a whole CREATE_PIPELINE with one script, as a real PowerShell expects it."""
    merges = "".join(
        _enumeration(name, "PipelineResultTypes", "None", 0, 10 + number) for number, name in enumerate(_MERGES)
    )
    return (
        f'<Obj RefId="0"><MS><B N="NoInput">{str(no_input).lower()}</B>'
        + _enumeration("ApartmentState", "ApartmentState", "Unknown", 2, 1)
        + _enumeration("RemoteStreamOptions", "RemoteStreamOptions", "0", 0, 2)
        + '<B N="AddToHistory">false</B>'
        + _HOST_INFO.format(null="true", inherited="true")
        + '<Obj N="PowerShell" RefId="3"><MS><B N="IsNested">false</B><Nil N="ExtraCmds" />'
        '<Obj N="Cmds" RefId="4"><TN RefId="4"><T>System.Collections.ArrayList</T></TN><LST><Obj RefId="5"><MS>'
        f'<S N="Cmd">{escape(text)}</S><B N="IsScript">true</B><Nil N="UseLocalScope" />{merges}'
        '<Obj N="Args" RefId="6"><TNRef RefId="4" /><LST /></Obj></MS></Obj></LST></Obj>'
        '<Nil N="History" /><B N="RedirectShellErrorOutputPipe">false</B></MS></Obj>'
        '<B N="IsNested">false</B></MS></Obj>'
    )


def create_pipeline(script: str, no_input: bool = True) -> str:
    """CLIXML of CREATE_PIPELINE with what a server reads of it."""
    return (
        f'<Obj RefId="0"><MS><B N="NoInput">{str(no_input).lower()}</B><Obj N="PowerShell" RefId="1"><MS>'
        '<B N="IsNested">false</B><Nil N="ExtraCmds"/><Obj N="Cmds" RefId="2"><LST><Obj RefId="3"><MS>'
        f'<S N="Cmd">{script}</S><B N="IsScript">true</B><Obj N="Args" RefId="4"><LST/></Obj></MS></Obj></LST></Obj>'
        "</MS></Obj></MS></Obj>"
    )


def message(kind: int, pool_id: str, clixml: str, pipeline_id: str | None = None) -> bytes:
    """A client's PSRP message."""
    pipeline = uuid.UUID(pipeline_id) if pipeline_id else uuid.UUID(int=0)
    return struct.pack("<II", 2, kind) + uuid.UUID(pool_id).bytes_le + pipeline.bytes_le + clixml.encode()


def fragment(object_id: int, data: bytes, number: int = 0, flags: int = 3) -> bytes:
    """One PSRP fragment."""
    return struct.pack(">QQBI", object_id, number, flags, len(data)) + data


@dataclass(frozen=True)
class Received:
    """One fragment from the server; type and CLIXML of those that begin a message."""

    object_id: int
    fragment_id: int
    flags: int
    data: bytes

    @property
    def type(self) -> int:
        """Message type of a first fragment."""
        return int(struct.unpack_from("<I", self.data, 4)[0])

    @property
    def clixml(self) -> str:
        """The message's CLIXML, of a fragment that is a whole message."""
        return self.data[40:].decode("utf-8-sig")


def unpack(octets: bytes) -> Iterator[Received]:
    """The fragments in ``octets``."""
    while octets:
        object_id, number, flags, length = struct.unpack_from(">QQBI", octets)
        yield Received(object_id, number, flags, octets[21 : 21 + length])
        octets = octets[21 + length :]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    content: bytes
    root: ET.Element = field(default_factory=lambda: ET.Element("none"))

    def find(self, path: str) -> ET.Element | None:
        """An element anywhere in the envelope."""
        return self.root.find(f".//{path}", NS)

    def text(self, path: str) -> str | None:
        """Text of that element."""
        found = self.find(path)
        return None if found is None else found.text or ""

    def texts(self, path: str) -> list[str]:
        """Texts of all such elements."""
        return [element.text or "" for element in self.root.iterfind(f".//{path}", NS)]

    @property
    def fault(self) -> int | None:
        """The WSManFault's Code."""
        found = self.find("f:WSManFault")
        return None if found is None else int(found.get("Code", ""))

    @property
    def subcode(self) -> str | None:
        """Local part of the fault's subcode."""
        text = self.text("s:Subcode/s:Value")
        return text and text.rpartition(":")[2]

    @property
    def fragments(self) -> list[Received]:
        """The fragments in all rsp:Stream elements."""
        return [part for text in self.texts("rsp:Stream") for part in unpack(base64.b64decode(text))]

    @property
    def done(self) -> bool:
        """Whether a command has ended."""
        return self.find("rsp:CommandState") is not None


class RawClient:
    """One client session: an account, a wsmv:SessionId and a TCP connection.

    Attributes:
        init_pool: makes the CLIXML of INIT_RUNSPACEPOOL from the two limits.
        create_pipeline: makes the CLIXML of CREATE_PIPELINE from the script and whether it gets no input.
    """

    init_pool: Callable[[int, int], str] = staticmethod(limits)
    create_pipeline: Callable[[str, bool], str] = staticmethod(create_pipeline)

    def __init__(self, computer: SimulatedComputer, user: User, session_id: str | None = None) -> None:
        self.computer = computer
        self.session_id = session_id or str(uuid.uuid4()).upper()
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.auth = _BasicUtf8(user)

    def post(self, body: str | bytes, **options: Any) -> Reply:
        """Send a body as it is."""
        headers = {"Content-Type": "application/soap+xml;charset=UTF-8"}
        arguments: dict[str, Any] = {"headers": headers, "timeout": PATIENCE, "url": self.computer.uri, **options}
        arguments["allow_redirects"] = False
        response = self.http.post(data=body.encode() if isinstance(body, str) else body, **arguments)
        is_xml = response.headers.get("Content-Type", "").startswith("application/soap+xml") and response.content
        root = ET.fromstring(response.content) if is_xml else ET.Element("none")
        return Reply(response.status_code, response.headers, response.content, root)

    def envelope(
        self,
        operation: str,
        body: str = "",
        shell_id: str | None = None,
        resource: str = POWERSHELL,
        timeout: str | None = "PT20S",
        size: int = 153600,
        options: dict[str, str] | None = None,
        message_id: str | None = None,
    ) -> str:
        """A request envelope."""
        declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
        selectors = (
            f'<wsman:SelectorSet><wsman:Selector Name="ShellId">{shell_id}</wsman:Selector></wsman:SelectorSet>'
            if shell_id
            else ""
        )
        listed = "".join(
            f'<wsman:Option Name="{name}">{value}</wsman:Option>' for name, value in (options or {}).items()
        )
        return (
            f"<s:Envelope {declared}><s:Header>"
            f"<wsa:Action>{_ACTIONS.get(operation, f'{SHELL}/{operation}')}</wsa:Action>"
            f"<wsa:To>{self.computer.uri}</wsa:To>"
            f"<wsa:MessageID>{message_id or f'uuid:{uuid.uuid4()}'}</wsa:MessageID>"
            f"<wsman:ResourceURI>{resource}</wsman:ResourceURI>"
            f"<wsman:MaxEnvelopeSize>{size}</wsman:MaxEnvelopeSize>"
            + (f"<wsman:OperationTimeout>{timeout}</wsman:OperationTimeout>" if timeout is not None else "")
            + f"<wsmv:SessionId>uuid:{self.session_id}</wsmv:SessionId>"
            f"<wsman:OptionSet>{listed}</wsman:OptionSet>{selectors}"
            f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )

    def send(self, operation: str, body: str = "", shell_id: str | None = None, **details: Any) -> Reply:
        """Send one request."""
        return self.post(self.envelope(operation, body, shell_id, **details))

    # The operations of a shell

    def create(
        self,
        shell_id: str | None = None,
        name: str = "",
        extra: str = "",
        minimum: int = 1,
        maximum: int = 1,
        **details: Any,
    ) -> Reply:
        """Create a PowerShell shell; ``name`` is an attribute text such as ``Name="x"``."""
        shell_id = shell_id or str(uuid.uuid4()).upper()
        details.setdefault("options", {"protocolversion": "2.3"})
        data = fragment(1, message(SESSION_CAPABILITY, shell_id, capability()))
        data += fragment(2, message(INIT_RUNSPACEPOOL, shell_id, self.init_pool(minimum, maximum)))
        body = (
            f'<rsp:Shell ShellId="{shell_id}" {name}><rsp:InputStreams>stdin pr</rsp:InputStreams>'
            f"<rsp:OutputStreams>stdout</rsp:OutputStreams>{extra}"
            f"<ps:creationXml>{base64.b64encode(data).decode()}</ps:creationXml></rsp:Shell>"
        )
        return self.send("Create", body, **details)

    def connect(self, shell_id: str, data: bytes | None = None, extra: str = "", **details: Any) -> Reply:
        """Connect to a shell, by default as a client that knows nothing about its pool."""
        if data is None:
            data = connect_data(shell_id)
        body = f"<rsp:Connect>{extra}<ps:connectXml>{base64.b64encode(data).decode()}</ps:connectXml></rsp:Connect>"
        return self.send("Connect", body, shell_id, **details)

    def receive(self, shell_id: str, command_id: str | None = None, **details: Any) -> Reply:
        """Receive from a shell, or from a command."""
        attribute = f' CommandId="{command_id}"' if command_id else ""
        details.setdefault("options", {"WSMAN_CMDSHELL_OPTION_KEEPALIVE": "True"})
        body = f"<rsp:Receive><rsp:DesiredStream{attribute}>stdout</rsp:DesiredStream></rsp:Receive>"
        return self.send("Receive", body, shell_id, **details)

    def command(
        self, shell_id: str, script: str, command_id: str | None = None, no_input: bool = True
    ) -> tuple[str, Reply]:
        """Run a script; returns the command's id too."""
        command_id = command_id or str(uuid.uuid4()).upper()
        data = fragment(3, message(CREATE_PIPELINE, shell_id, self.create_pipeline(script, no_input), command_id))
        body = (
            f'<rsp:CommandLine CommandId="{command_id}"><rsp:Command/>'
            f"<rsp:Arguments>{base64.b64encode(data).decode()}</rsp:Arguments></rsp:CommandLine>"
        )
        return command_id, self.send("Command", body, shell_id)

    def signal(self, shell_id: str, command_id: str, code: str) -> Reply:
        """Signal a command."""
        body = f'<rsp:Signal CommandId="{command_id}"><rsp:Code>{code}</rsp:Code></rsp:Signal>'
        return self.send("Signal", body, shell_id)

    def stream(self, shell_id: str, data: bytes, command_id: str | None = None) -> Reply:
        """Send fragments."""
        attribute = f' CommandId="{command_id}"' if command_id else ""
        stream = f'<rsp:Stream Name="stdin"{attribute}>{base64.b64encode(data).decode()}</rsp:Stream>'
        return self.send("Send", f"<rsp:Send>{stream}</rsp:Send>", shell_id)

    def get(self, shell_id: str) -> Reply:
        """Get a shell."""
        return self.send("Get", "", shell_id, resource=SHELL)

    def enumerate(
        self, extra: str = "<wsman:OptimizeEnumeration/><wsman:MaxElements>32000</wsman:MaxElements>", **details: Any
    ) -> Reply:
        """Enumerate shells."""
        details.setdefault("resource", SHELL)
        return self.send("Enumerate", f"<wsen:Enumerate>{extra}</wsen:Enumerate>", **details)

    def pull(self, context: str, maximum: int | None = 32000, **details: Any) -> Reply:
        """Pull more of an enumeration."""
        details.setdefault("resource", SHELL)
        elements = f"<wsen:MaxElements>{maximum}</wsen:MaxElements>" if maximum is not None else ""
        body = f"<wsen:Pull><wsen:EnumerationContext>{context}</wsen:EnumerationContext>{elements}</wsen:Pull>"
        return self.send("Pull", body, **details)

    def enumerate_commands(self, shell_id: str) -> Reply:
        """Enumerate a shell's commands."""
        selected = f'<wsman:Selector Name="ShellId">{shell_id}</wsman:Selector>'
        return self.enumerate(
            "<wsman:OptimizeEnumeration/><wsman:MaxElements>32000</wsman:MaxElements>"
            f'<wsman:Filter Dialect="{SELECTOR_FILTER}">'
            f"<wsman:SelectorSet>{selected}</wsman:SelectorSet></wsman:Filter>",
            resource=SHELL + "/Command",
        )

    def disconnect(self, shell_id: str, extra: str = "") -> Reply:
        """Disconnect a shell."""
        return self.send("Disconnect", f"<rsp:Disconnect>{extra}</rsp:Disconnect>", shell_id)

    def reconnect(self, shell_id: str) -> Reply:
        """Reconnect a shell."""
        return self.send("Reconnect", "", shell_id)

    def delete(self, shell_id: str) -> Reply:
        """Delete a shell."""
        return self.send("Delete", "", shell_id)


def connect_data(shell_id: str, clixml: str = "<S />", version: str = "2.3") -> bytes:
    """Content of connectXml."""
    return fragment(1, message(SESSION_CAPABILITY, shell_id, capability(version))) + fragment(
        2, message(CONNECT_RUNSPACEPOOL, shell_id, clixml)
    )


class _BasicUtf8(requests.auth.AuthBase):
    """Basic authentication in UTF-8; the library itself would use Latin-1."""

    def __init__(self, user: User) -> None:
        self._value = "Basic " + base64.b64encode(f"{user.name}:{user.password}".encode()).decode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request
