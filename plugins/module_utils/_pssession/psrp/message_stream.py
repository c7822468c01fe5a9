"""Reads the stream of a command for a client that turns messages into its own objects, as pypsrp does."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.events import CommandEvent, MessageReceived
from . import host, records
from .command_stream import CommandStream
from .message import clixml_of, unpack

try:
    from pypsrp.messages import MessageType
except ImportError:  # the client, which is needed first, reports a missing library
    pass


class MessageStream(CommandStream):
    """A stream with an event for each message in its original form.

    It also reads the messages that the engine needs: the final state of the command, and calls that need an answer.
    """

    def _read(self, message: bytes) -> t.Sequence[CommandEvent]:
        kind, data = unpack(message)
        received = MessageReceived(kind, message)
        if kind == MessageType.PIPELINE_STATE:
            ended = self._state(*records.pipeline_state(clixml_of(data)))
            return (received, *ended)
        if kind == MessageType.PIPELINE_HOST_CALL:
            call = host.host_call(clixml_of(data))
            if call.wants_answer:  # the engine refuses it
                self.host_calls.append(call)
                return ()
        return (received,)
