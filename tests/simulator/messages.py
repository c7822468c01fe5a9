# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages a PowerShell server sends, from plain Python values to CLIXML."""

from __future__ import annotations

import base64
import datetime
import functools
import struct
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from psrpcore import PSRemotingCrypto
from psrpcore.types import (
    ApplicationPrivateData,
    EncryptedSessionKey,
    ErrorRecord,
    HostMethodIdentifier,
    PipelineHostCall,
    PipelineState,
    PSDict,
    PSDouble,
    PSInt,
    PSInt64,
    PSInvocationState,
    PSList,
    PSObject,
    PSPrimitiveDictionary,
    PSSecureString,
    PSVersion,
    RunspaceAvailability,
    RunspacePoolInitData,
    RunspacePoolState,
    RunspacePoolStateMsg,
    SessionCapability,
    add_note_property,
    deserialize,
    serialize,
)

from .wsman import parse_xml

#: MS-PSRP 2.2.2.1: PSVersion stays 2.0, the protocol version tells servers apart.
PROTOCOL_VERSION = "2.3"
#: The id of host calls that want no answer (seen: PowerShell 7.6, Linux).
NO_ANSWER = -100
_BUILD = "10.0.14393.2248"
_POWERSHELL = "5.1.14393.2248"


def to_clixml(value: Any, cipher: PSRemotingCrypto | None = None) -> bytes:
    """A psrpcore object as CLIXML without its byte order mark."""
    xml: str = ET.tostring(serialize(value, cipher or PSRemotingCrypto()), encoding="unicode")
    return xml.encode("utf-8", "xmlcharrefreplace")


@functools.lru_cache(maxsize=1024, typed=True)
def number_to_clixml(number: int) -> bytes:
    """A whole number, or a truth value, as CLIXML. Scripts with very many objects repeat themselves."""
    return to_clixml(to_powershell(number))


def from_clixml(data: bytes, cipher: PSRemotingCrypto | None = None) -> Any:
    """CLIXML as a psrpcore object; ``None`` for a message without content (END_OF_PIPELINE_INPUT).

    Raises:
        MalformedEnvelope: it is not XML.
    """
    if not data.strip():
        return None
    return deserialize(parse_xml(data), cipher or PSRemotingCrypto())


def property_of(value: Any, name: str) -> Any:
    """A property by its name in any letter case, as PowerShell looks it up; clients write ``CI`` for ``ci``, too.

    Recorded: test_psrp_set_runspaces of pypsrp.

    Raises:
        AttributeError: there is none.
    """
    properties = value.PSObject.extended_properties if isinstance(value, PSObject) else ()
    known = (item.name for item in properties if item.name.lower() == name.lower())
    return getattr(value, next(known, name))


def call_id(data: Any) -> int:
    """The call id of a message for the pool, under its name in any letter case, as PowerShell looks up properties.

    Recorded: pypsrp calls it ``CI`` where a limit is set and ``ci`` elsewhere, and a server answers both.

    Raises:
        AttributeError: there is none.
    """
    return int(data.ci if hasattr(data, "ci") else data.CI)


def to_powershell(value: Any) -> Any:
    """A value of YAML or JSON as the object a script would emit.

    A mapping becomes a PSCustomObject, ``{"$hashtable": {...}}`` a Hashtable and ``{"$secure": text}`` a
    SecureString; a list stays one (list) object.
    """
    if isinstance(value, Mapping):
        if set(value) == {"$hashtable"}:
            return PSDict({key: to_powershell(item) for key, item in value["$hashtable"].items()})
        if set(value) == {"$secure"}:
            return PSSecureString(str(value["$secure"]))
        record = PSObject()
        record.PSObject.type_names = ["System.Management.Automation.PSCustomObject", "System.Object"]
        for name, item in value.items():
            add_note_property(record, str(name), to_powershell(item))
        return record
    if isinstance(value, (list, tuple)):
        return PSList([to_powershell(item) for item in value])
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, int) and not isinstance(value, bool):
        return PSInt(value) if -(2**31) <= value < 2**31 else PSInt64(value)
    # A number with a fraction is a double in PowerShell; psrpcore would make a single of it.
    return PSDouble(value) if isinstance(value, float) else value


def session_capability() -> SessionCapability:
    """SESSION_CAPABILITY, values as recorded."""
    return SessionCapability(
        protocolversion=PSVersion(PROTOCOL_VERSION),
        PSVersion=PSVersion("2.0"),
        SerializationVersion=PSVersion("1.1.0.1"),
    )


def default_private_data() -> dict[str, Any]:
    """APPLICATION_PRIVATE_DATA's content of a Windows PowerShell 5.1 (recorded: test_psrp_open_runspace)."""
    compatible = PSList([PSVersion(version) for version in ("1.0", "2.0", "3.0", "4.0", "5.0", _POWERSHELL)])
    compatible.PSObject.type_names = ["System.Version[]", "System.Array", "System.Object"]
    return {
        "PSVersionTable": {
            "PSVersion": PSVersion(_POWERSHELL),
            "PSEdition": "Desktop",
            "PSCompatibleVersions": compatible,
            "CLRVersion": PSVersion("4.0.30319.42000"),
            "BuildVersion": PSVersion(_BUILD),
            "WSManStackVersion": PSVersion("3.0"),
            "PSRemotingProtocolVersion": PSVersion(PROTOCOL_VERSION),
            "SerializationVersion": PSVersion("1.1.0.1"),
        }
    }


def application_private_data(data: Mapping[str, Any]) -> ApplicationPrivateData:
    """APPLICATION_PRIVATE_DATA; mappings inside become primitive dictionaries."""

    def convert(value: Any) -> Any:
        if isinstance(value, Mapping):
            return PSPrimitiveDictionary({key: convert(item) for key, item in value.items()})
        return value if isinstance(value, PSObject) else to_powershell(value)

    return ApplicationPrivateData(ApplicationPrivateData=convert(data))


def pool_state(state: RunspacePoolState) -> RunspacePoolStateMsg:
    """RUNSPACEPOOL_STATE; psrpcore's and PSRP's numbers agree for the states a server sends (2 = Opened)."""
    return RunspacePoolStateMsg(RunspaceState=int(state))


def init_data(minimum: int, maximum: int) -> RunspacePoolInitData:
    """RUNSPACEPOOL_INIT_DATA."""
    return RunspacePoolInitData(MinRunspaces=minimum, MaxRunspaces=maximum)


def availability(call_id: int, answer: bool | int) -> RunspaceAvailability:
    """RUNSPACE_AVAILABILITY: whether a limit was set, or how many runspaces are free."""
    value = answer if isinstance(answer, bool) else PSInt64(answer)
    return RunspaceAvailability(SetMinMaxRunspacesResponse=value, ci=call_id)


def pipeline_state(state: PSInvocationState, error: ErrorRecord | None = None) -> PipelineState:
    """PIPELINE_STATE, with the error that ended the pipeline."""
    message = PipelineState(PipelineState=int(state))
    if error is not None:
        message.ExceptionAsErrorRecord = error
    return message


def host_call(call_id: int, method: str, parameters: Sequence[Any]) -> PipelineHostCall:
    """PIPELINE_HOST_CALL; the id is `NO_ANSWER` for methods that return nothing.

    Raises:
        ValueError: no such host method.
    """
    try:
        number = HostMethodIdentifier[method]
    except KeyError as error:
        raise ValueError(f"{method!r} is not a host method") from error
    return PipelineHostCall(ci=call_id, mi=number, mp=PSList([to_powershell(item) for item in parameters]))


def encrypted_session_key(public_key: str, session_key: bytes) -> EncryptedSessionKey:
    """ENCRYPTED_SESSION_KEY for the RSA key in a PUBLIC_KEY message (MS-PSRP 2.2.2.4).

    Args:
        public_key: base64 of a PUBLICKEYBLOB: 16 octets of header, exponent and modulus little endian.
        session_key: the AES-256 key to hand over, 32 octets.
    """
    blob = base64.b64decode(public_key)
    (exponent,) = struct.unpack_from("<I", blob, 16)
    key = rsa.RSAPublicNumbers(exponent, int.from_bytes(blob[20:], "little")).public_key()
    simple_blob_header = bytes.fromhex("010200001066000000a40000")
    sealed = simple_blob_header + key.encrypt(session_key, padding.PKCS1v15())[::-1]
    return EncryptedSessionKey(EncryptedSessionKey=base64.b64encode(sealed).decode())
