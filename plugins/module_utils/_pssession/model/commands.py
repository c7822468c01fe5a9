"""Commands in sessions: the script to run, and the output it gave."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import enum
import functools
import typing as t
import uuid
from dataclasses import dataclass, field

from .codes import Code
from .errors import EndedWithoutState, ErrorRecord, LimitExceeded, TransportError, WSManFault
from .sessions import PSSession
from .settings import Credential
from .text import shown

# ERROR_SUCCESS_REBOOT_INITIATED and ERROR_SUCCESS_REBOOT_REQUIRED (winerror.h): installers end with them.
REBOOT_CODES = frozenset({1641, 3010})
# Of refusals that say something about the session, or the server as a whole.
_ABOUT_THE_SESSION = frozenset(
    {
        Code.OPERATION_ABORTED,
        Code.SHUTTING_DOWN,
        Code.CALL_FAILED,
        Code.CALL_FAILED_RESULT,
        Code.UNEXPECTED_SELECTORS,
        Code.HOST_PROCESS_ENDED,
        Code.CLIENT_SESSION_ID_MISMATCH,
        Code.SHELL_DISCONNECTED,
        Code.CONNECTED_TO_DIFFERENT_CLIENT,
        Code.STREAM_DISCONNECTED,
        Code.CONTENT_TYPE_UNKNOWN,
    }
)

# Characters of a command that lists show.
MAX_COMMAND_LINE = 256

# Options of a task that say what is to run, and how: those of invoke_command that the jobs have, too.
SCRIPT_OPTIONS = (
    "script",
    "path",
    "command",
    "arguments",
    "parameters",
    "sensitive_parameters",
    "creates",
    "removes",
    "chdir",
    "error_action",
)


class PipelineState(enum.Enum):
    """What became of a command, in PowerShell's words (PSInvocationState)."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True)
class Script:
    """What is to run.

    Attributes:
        text: PowerShell source, or the name of a command.
        arguments: Positional arguments.
        parameters: Named parameters.
        sensitive_parameters: Named parameters that the script gets as a SecureString or a PSCredential.
        input: Objects for the pipeline's input, or None for no input. An iterator is read while it is sent, once.
        has_ui: Whether the host of the command has a user interface. With one, text for it is received, and questions
            wait for a refusal. Without one the text is lost, and a question is an error at once.
        check_mode: What the script finds in ``$Ansible.CheckMode``.
        verbosity: What it finds in ``$Ansible.Verbosity``: Ansible's, from 0 up.
        is_command: Whether the text is the name of a function or cmdlet, which sessions without scripts run as well.
            Then there is no ``$Ansible``.
        creates, removes: Paths with wildcards. Where the first one exists, or the second one does not, the script does
            not run.
        chdir: The location of the script, or None for that of the session.
        error_action: Its ``$ErrorActionPreference``, or None for that of the session.
        is_alone: Whether it is the whole pipeline, as another client would send it: there is no ``$Ansible``, and
            nothing is looked at or set before it.
        has_own_scope: Whether its variables end with it; of a script that is alone.
        title: What lists of commands show for it; None means the beginning of its text.
    """

    text: str
    arguments: tuple[t.Any, ...] = ()
    parameters: t.Mapping[str, t.Any] = field(default_factory=dict)
    sensitive_parameters: t.Mapping[str, str | Credential] = field(default_factory=dict, repr=False)
    input: t.Iterable[t.Any] | None = None
    has_ui: bool = False
    check_mode: bool = False
    verbosity: int = 0
    is_command: bool = False
    creates: str | None = None
    removes: str | None = None
    chdir: str | None = None
    error_action: str | None = None
    is_alone: bool = False
    has_own_scope: bool = True
    title: str | None = None

    @functools.cached_property
    def kept(self) -> dict[str, t.Any]:
        """What was made of it for one session and is good for others; it ends with this object."""
        return {}

    @property
    def command_line(self) -> str:
        """What lists of commands show for it."""
        return (self.text if self.title is None else self.title)[:MAX_COMMAND_LINE]

    @property
    def has_conditions(self) -> bool:
        """Whether something is to be looked at, or set for the one command, before the script."""
        return any((self.creates, self.removes, self.chdir, self.error_action))


@dataclass(frozen=True)
class Delivery:
    """How much of a script and of its input a server has.

    Attributes:
        has_script: Whether it has the whole script; None if that is not known. Nothing has begun before.
        at_least, at_most: How many objects of the input it has. They differ if an answer got lost.
        total: How many objects the input has, infinity where that is not known before its end; None for a script
            without input.
        is_closed: Whether it has the end of the input, too.
    """

    has_script: bool | None
    at_least: int = 0
    at_most: int = 0
    total: float | None = None
    is_closed: bool = False

    @property
    def must_be_stopped(self) -> bool:
        """Whether the command waits for something that does not come: the rest of its script, or of its input.

        A script without input of which only the last part is in doubt may be running as it should.
        """
        return self.has_script is False or (self.total is not None and not self.is_closed)

    @property
    def has_begun(self) -> bool:
        """Whether the script may have begun."""
        return self.has_script is not False

    @property
    def objects(self) -> str:
        """How many objects of the input were delivered, for messages."""
        known = f"{self.at_least}" if self.at_least == self.at_most else f"{self.at_least} to {self.at_most}"
        return f"{known} of {self.total}"


@dataclass
class Output:
    """What a command gave, by stream, as plain data.

    Attributes:
        state: RUNNING until the server said how it ended.
        rc: The code that the script called ``exit`` with, or None if it did not call it. The last call counts.
        output_dropped: Whether the server dropped output before a task received it. None if that cannot be known.
        beginning_received: Whether the beginning of its output was received, by this task or one before with the same
            journal. False: another client has it. None if that is not known.
        reconnections: How often its connection broke and was replaced while this task received.
        failure: The error that ended it, or None.
        progress: The last record of progress, or None.
        is_formatted: Whether some of the output is text that was made of the objects of a Format cmdlet. Results do not
            have it; a warning does.
        records_not_kept: How many records of streams other than the output are not in it. A warning says so.
        host_out, host_err: Text that the command wrote to its host and that is in no other stream. It is there once the
            output has been taken.
        changed: Whether the script says that it changed something (``$Ansible.Changed``), or says nothing.
        failed: Whether the script says that it failed (``$Ansible.Failed``).
        result: What the script left in ``$Ansible.Result``, as plain data.
        diff: What it left in ``$Ansible.Diff``.
        skip_reason: Why it did not run, or None.
    """

    state: PipelineState = PipelineState.RUNNING
    rc: int | None = None
    output: list[t.Any] = field(default_factory=list)
    error: list[dict[str, t.Any]] = field(default_factory=list)
    warning: list[str] = field(default_factory=list)
    verbose: list[str] = field(default_factory=list)
    debug: list[str] = field(default_factory=list)
    information: list[dict[str, t.Any]] = field(default_factory=list)
    progress: dict[str, t.Any] | None = None
    host_out: str = ""
    host_err: str = ""
    failure: dict[str, t.Any] | None = None
    output_dropped: bool | None = None
    beginning_received: bool | None = None
    reconnections: int = 0
    is_formatted: bool = False
    records_not_kept: int = 0
    changed: bool = True
    failed: bool = False
    result: t.Any = field(default_factory=dict)
    diff: dict[str, t.Any] = field(default_factory=dict)
    skip_reason: str | None = None

    @property
    def is_finished(self) -> bool:
        return self.state is not PipelineState.RUNNING


@dataclass(frozen=True)
class CommandResult:
    """What one command in one session gave.

    Attributes:
        command_id: GUID of the command, or None when the session had none.
        unreadable: Messages of the command that could not be read, and that no task has reported before, or None.
        missing_beginning: That the beginning of its output is not in the journal, but went to another client, or None.
        cause: The failure of a request that ended it, or None.
        is_news: Whether any of it came from the server now; False when all was in the journal already.
        error: What went wrong on the way to its end, or None. A command that failed by itself is an error, and so is an
            exit code that was not expected.
    """

    session: PSSession
    command_id: str | None
    output: Output
    error: ErrorRecord | None = None
    unreadable: ErrorRecord | None = None
    missing_beginning: ErrorRecord | None = None
    cause: TransportError | None = None
    is_news: bool = True

    @property
    def errors(self) -> tuple[ErrorRecord, ...]:
        found = (self.unreadable, self.missing_beginning, self.error)
        return tuple(each for each in found if each is not None)

    @property
    def has_changed(self) -> bool:
        """Whether the command counts as a change of its computer: it was started, and does not say otherwise."""
        return self.command_id is not None and self.output.changed

    @property
    def is_complete(self) -> bool:
        """Whether the command completed and all of its output was received."""
        is_completed = self.output.state is PipelineState.COMPLETED and not self.errors
        return self.command_id is not None and is_completed and not self.output.output_dropped

    @property
    def is_refused(self) -> bool:
        """Whether the server certainly did not start the command."""
        return self.command_id is None and self.cause is not None and not self.cause.delivered

    @property
    def may_be_lost(self) -> bool:
        """Whether it is open what became of the session: the command could not be received to its end, or be started.

        A server that refuses to start a command has the session, unless the refusal is about that.
        """
        if self.cause is None or isinstance(self.cause, (LimitExceeded, EndedWithoutState)):
            return False
        is_answer = self.command_id is None and isinstance(self.cause, WSManFault)
        return not is_answer or self.cause.code in _ABOUT_THE_SESSION

    @property
    def needs_reboot(self) -> bool:
        """Whether the script ended with an exit code that asks for a restart of the computer, and that was expected."""
        return self.error is None and self.output.state is PipelineState.COMPLETED and self.output.rc in REBOOT_CODES

    def as_dict(self) -> dict[str, t.Any]:
        """Return the result as plain data, in the shape of ansible.windows.win_powershell's."""
        fields = {field.name: getattr(self.output, field.name) for field in dataclasses.fields(Output)}
        del fields["is_formatted"], fields["records_not_kept"]
        return {
            "computer_name": self.session.endpoint.computer_name,
            "name": shown(self.session.name),
            "instance_id": self.session.instance_id,
            "inventory_hostname": self.session.endpoint.inventory_hostname,
            "command_id": self.command_id,
            **fields,
            "changed": self.has_changed,
            "state": self.output.state.value if self.command_id else None,
            "reboot_required": self.needs_reboot,
        }


def first_command_id(session: PSSession) -> str:
    """Return the id of a command that is started in a new session.

    It follows from that of the session, so that any client knows that no command was before it.
    """
    return str(uuid.uuid5(uuid.UUID(session.instance_id), "psremoting.fleet first command"))
