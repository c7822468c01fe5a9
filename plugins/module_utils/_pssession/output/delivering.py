"""Commands that were not delivered completely: they are stopped, or forgotten if they have not begun."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..model.codes import Code
from ..model.commands import Delivery
from ..model.errors import TransportError
from ..model.sessions import PSSession
from ..state.journals import AnyJournal
from ..wsman.pool import ClientPool
from .connecting import Awake
from .receiving import STOP, TERMINATE


def stop_incomplete(
    pool: ClientPool, journal: AnyJournal, session: PSSession, command_id: str, delivery: Delivery
) -> bool:
    """Stop a command that waits for the rest of its script or input, and return whether that worked.

    Without its complete script the command has not begun. Then the server forgets it, and the journal takes its start
    back. Otherwise its output stays on the server.

    Args:
        session: One that this client is connected to.

    Raises:
        JournalError: The journal cannot be written.
    """
    pool.discard(session.endpoint)  # the connection that did not deliver the rest may be broken
    try:
        with pool.lend(session.endpoint) as client:
            code = STOP if delivery.has_begun else TERMINATE
            Awake(client, session)(
                lambda _limit: client.signal(session.shell, command_id.upper(), code, client.new_signal_deadline())
            )
    except TransportError as error:
        if error.code != Code.UNEXPECTED_SELECTORS:  # the server has no such command
            return False
    if not delivery.has_begun:
        journal.note_refusal(session, command_id)
    return True
