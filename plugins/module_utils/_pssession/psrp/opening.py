"""Opening a session: the first messages of a runspace pool (MS-PSRP 3.1.4.1)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t
import uuid

from ..model.codes import Code
from ..model.errors import ParameterBindingError, TransportError, WSManFault
from ..model.sessions import Shell
from ..wsman.client import PROTOCOL_VERSION, WSManClient
from ..wsman.soap import improper
from . import records
from .fragments import Defragmenter, whole_fragment
from .idle_timeout import shorter
from .message import clixml_of, messages_in
from .values import to_powershell

try:
    from pypsrp.complex_objects import ApartmentState, HostInfo, PSThreadOptions
    from pypsrp.messages import Destination, InitRunspacePool, Message, MessageType, SessionCapability
    from pypsrp.serializer import Serializer
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# PSRP's own numbers, not those of any PowerShell (MS-PSRP 2.2.2.1).
_PS_VERSION = "2.0"
_SERIALIZATION_VERSION = "1.1.0.1"
_OPENED, _CLOSED, _BROKEN = 2, 3, 5
# The number of bytes that fit into one envelope of any server (MaxEnvelopeSizekb), so that the first messages fit into
# one request.
MAX_CREATION_BYTES = 64 * 1024


def open_session(client: WSManClient, wanted: Shell, deadline: float) -> Shell:
    """Open a session with the endpoint's session option, and wait until the server reports that it is open.

    Args:
        wanted: The shell to create. The client chooses its id, name and configuration.
        deadline: In seconds of the world's clock.

    Returns:
        The shell as the server describes it.

    Raises:
        TransportError: The server refused, could not be reached, or could not open the runspace pool. In the last case
            the shell is removed again, unless another client is connected to it by then.
        ParameterBindingError: The application arguments are too long.
    """
    arguments = client.endpoint.option.application_arguments or {}
    shell = _create(client, wanted, _creation_xml(wanted, arguments), deadline)
    try:
        _wait_until_opened(client, shell, deadline)
    except _OpeningFailed as error:
        client.delete(shell, deadline)
        raise TransportError(None, f"PowerShell could not open it: {error}", delivered=False) from error
    except WSManFault as error:
        # Another client of the account may have connected to it meanwhile. Then it belongs to that client.
        if not error.is_in_use or error.is_unclear_refusal:
            with contextlib.suppress(TransportError):
                client.delete(shell, deadline)
        raise
    return shell


def _create(client: WSManClient, wanted: Shell, creation_xml: bytes, deadline: float) -> Shell:
    """Create the shell with the idle timeout of the session option, or with the longest that the server allows.

    If a server refuses an idle timeout as too long, it has created nothing.
    """
    asked = idle_timeout = client.endpoint.option.idle_timeout
    untried: list[float | None] | None = None
    while True:
        try:
            return client.create(wanted, creation_xml, idle_timeout, deadline)
        except WSManFault as fault:
            if fault.code != Code.IDLE_TIMEOUT_OUT_OF_RANGE or asked is None:
                raise
            if untried is None:
                untried = [*shorter(asked, fault.message), None]
            if not untried:
                raise
            idle_timeout = untried.pop(0)


class _OpeningFailed(Exception):
    pass


def _wait_until_opened(client: WSManClient, shell: Shell, deadline: float) -> None:
    defragmenter = Defragmenter()
    while True:
        for kind, data in messages_in(defragmenter, client.receive(shell, deadline)):
            if kind == MessageType.RUNSPACEPOOL_STATE and _is_opened(data):
                return


def _is_opened(data: bytes) -> bool:
    """Return whether a state message says that the pool is open (MS-PSRP 2.2.2.9)."""
    try:
        state, failure = records.pool_state(clixml_of(data))
    except ValueError as error:
        raise improper(f"the state of the session cannot be read ({error})") from error
    if state in (_BROKEN, _CLOSED):
        raise _OpeningFailed(records.message_of(failure) or "it gave no reason")
    return state == _OPENED


def _creation_xml(shell: Shell, application_arguments: t.Mapping[str, t.Any]) -> bytes:
    """Return the client's two messages, each in its own fragment (MS-PSRP 2.2.2.1 and 2.2.2.2)."""
    serializer = Serializer()
    pool_id = str(uuid.UUID(shell.shell_id))
    messages = (
        SessionCapability(PROTOCOL_VERSION, _PS_VERSION, _SERIALIZATION_VERSION),
        InitRunspacePool(
            1,
            1,
            PSThreadOptions(value=PSThreadOptions.DEFAULT),
            ApartmentState(value=ApartmentState.UNKNOWN),
            HostInfo(host=None),  # each command has its own host, see `host.host_info`
            to_powershell(application_arguments),
        ),
    )
    creation_xml = b"".join(
        whole_fragment(number, Message(Destination.SERVER, pool_id, None, message, serializer).pack())
        for number, message in enumerate(messages, start=1)
    )
    if len(creation_xml) > MAX_CREATION_BYTES:
        raise ParameterBindingError(
            "ParameterArgumentValidationError",
            f"session_option.application_arguments: more than {MAX_CREATION_BYTES} bytes",
            "InvalidData",
        )
    return creation_xml
