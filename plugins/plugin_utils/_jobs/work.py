"""Decides for the job `resume` what to do next on a host, without doing it.

    the folder has other work      refuse; where the user says to start anew, only its result and its command
    look
        no session                 start; refuse where the journal has a start: the session is gone
        a session with a command   receive
        a session without one      look back into the journal
                                       the end of its command is there: keep the result; refuse where another client
                                       received the beginning of its output
                                       otherwise: start, which starts only where nothing ever was started, or refuse
        several sessions           refuse
    start, receive, keep the result, remove the session

Each step can be the last one of a controller. The next run sees where the work is by the session, the journal and the
result.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass

# Final states of a command. A stopped command has ended, but its work is not done.
ENDED = frozenset({"Completed", "Failed"})


class Act(enum.IntEnum):
    """The next act on a host. Hosts whose act has a lower number come first."""

    REFUSE = 0
    LOOK = 1
    LOOK_BACK = 2
    CLEAR = 3
    START = 4
    RECEIVE = 5
    KEEP = 6
    REMOVE = 7
    FINISH = 8


@dataclass(frozen=True)
class Case:
    """The known facts about the work on one host.

    Attributes:
        is_other: Whether the folder has other work for the host: with another session name, script or host.
        is_elsewhere: Whether that work has another session, which may still be there.
        has_result: Whether its result was kept, by this run or an earlier one.
        may_have_session: Whether the session of that result may still be there.
        sessions: The number of sessions with its name, or None before the first look.
        has_command: Whether the session has a command.
        is_known: Whether the journal has this command. Without a journal any command is the work.
        adopts: Whether the user accepts a command that is not in the journal as the work.
        was_started: Whether the journal has a start of the work.
        is_asked_to_start: Whether this run has called for a start. That call starts nothing if a session exists without
            proof that nothing was started in it.
        received: The last received state of the command: one of PowerShell's words, "" if there was no command, None
            before anything was received.
        lacks_beginning: Whether another client received the beginning of its output. Without a journal nobody asks.
        starts_anew: Whether the user allows starting the work once more.
        check_mode: Whether calls only predict. Then nothing is received, neither from a server nor from a journal.
    """

    is_other: bool = False
    is_elsewhere: bool = False
    has_result: bool = False
    may_have_session: bool = True
    sessions: int | None = None
    has_command: bool = False
    is_known: bool = True
    adopts: bool = False
    was_started: bool = False
    is_asked_to_start: bool = False
    received: str | None = None
    lacks_beginning: bool = False
    starts_anew: bool = False
    check_mode: bool = False


class Refusal(t.NamedTuple):
    """The reason why a job does nothing on a host, and the next step for the user.

    Both can have {host}, {name}, {account}, {journal} and {difference} (of other work), and of the sessions of the name
    their number ({sessions}) and their {configurations}.
    """

    message: str
    hint: str = ""
    category: str = "InvalidOperation"


_ANEW = "To start it once more, set start_anew (pssession_start_anew in the playbook)."
SEVERAL = Refusal(
    "There are {sessions} sessions of this name on {host}, and the work is in one of them. The name is {name}, their "
    "configurations are {configurations}.",
    "Name one in configuration_name, or remove the sessions that are not needed.",
)
OTHER_WORK = Refusal(
    "Session {name} on {host} has a command that is not in {journal}: another job, or a job with another journal, "
    "started it. Nothing was started or received.",
    "The job collect receives its output (playbook collect). Use another name for this work. If the job start started "
    "the command as this work, set adopt (pssession_adopt in the playbook).",
)
DIFFERENT = Refusal(
    "{journal} is the journal of other work on {host}: {difference}. Nothing was started, and no result is returned.",
    "Use another name and another journal folder for this work. The lookup psremoting.fleet.journal or the job journal "
    "reads the output of the other work. If only script, parameters or conditions differ, and the other work neither "
    "runs nor has a result, start_anew starts this work instead.",
)
GONE = Refusal(
    "The work was started on {host}, but its session is gone: there is no session {name} of {account}. It expired, was "
    "removed, or the computer was restarted. The output received until then is in {journal}.",
    f"The lookup psremoting.fleet.journal, or the job journal, reads it. {_ANEW} For other work, use another "
    "name and another journal folder.",
)
UNKNOWN = Refusal(
    "The session on {host} exists but has no command: either the work was never started in it, or its output was "
    "received already.",
    f"Look on {{host}} whether it was done. Where the inventory has two names for the computer, the result is that of "
    f"the other name. {_ANEW}",
)
STOPPED = Refusal(
    "The work on {host} was stopped before its end.",
    f"The result has its output until then. {_ANEW}",
)
INCOMPLETE = Refusal(
    "Another task or client received the beginning of the output of the work on {host}. The rest is in {journal}, and "
    "session {name} is kept.",
    "The beginning is in the result of that task or in its journal, which the lookup psremoting.fleet.journal reads. "
    f"When you have it, remove the session (playbook cleanup). {_ANEW}",
)
RUNNING = Refusal("The work on {host} still runs. Run this again to wait for it.", category="OperationTimeout")


def decide(case: Case) -> tuple[Act, Refusal | None]:
    """Return the next act, and its reason if it is a refusal."""
    if case.is_other and (case.is_elsewhere or case.has_result or case.has_command or not case.starts_anew):
        return Act.REFUSE, DIFFERENT
    if case.has_result:
        return (Act.REMOVE if case.may_have_session else Act.FINISH), None
    if case.received in ENDED and case.lacks_beginning and not case.is_other:
        return (Act.CLEAR, None) if case.starts_anew and not case.has_command else (Act.REFUSE, INCOMPLETE)
    if case.received in ENDED:  # the output of other work is not a result of this work
        return (Act.CLEAR if case.is_other else Act.KEEP), None
    if case.received == "Stopped":
        # A command that was stopped while this run waited is not started again at once, because a user stopped it.
        return (Act.CLEAR, None) if case.starts_anew and not case.has_command else (Act.REFUSE, STOPPED)
    if case.received:
        return Act.REFUSE, RUNNING
    if case.sessions is None:
        return Act.LOOK, None
    if case.sessions > 1:
        return Act.REFUSE, SEVERAL
    if case.check_mode and (case.is_asked_to_start or case.received is not None):
        return Act.FINISH, None
    if case.sessions == 0:
        return _without_session(case)
    if case.has_command and not (case.is_known or case.adopts):
        return Act.REFUSE, OTHER_WORK
    if case.has_command:
        return (Act.RECEIVE, None) if case.received is None else (Act.REFUSE, UNKNOWN)
    return _without_command(case)


def _without_session(case: Case) -> tuple[Act, Refusal | None]:
    if case.is_asked_to_start:
        return Act.REFUSE, UNKNOWN
    if case.was_started and not case.starts_anew:
        return Act.REFUSE, GONE
    return Act.START, None


def _without_command(case: Case) -> tuple[Act, Refusal | None]:
    """Return the act for a session without a command."""
    if case.is_asked_to_start:
        return Act.REFUSE, UNKNOWN
    if case.received is None and not case.check_mode:
        return Act.LOOK_BACK, None
    if case.starts_anew:
        return Act.CLEAR, None
    return Act.START, None
