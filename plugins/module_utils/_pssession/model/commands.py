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
# Codes of refusals that concern the session or the whole server, and not only the command.
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

# The number of characters of a command that lists show.
MAX_COMMAND_LINE = 256

# Options of invoke_command for the script and its environment. The jobs have the same options.
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
    """State of a command, in PowerShell's words (PSInvocationState)."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True)
class Script:
    """A script or command to run, with its arguments and input.

    Attributes:
        text: PowerShell source, or the name of a command.
        arguments: Positional arguments.
        parameters: Named parameters.
        sensitive_parameters: Named parameters that the script gets as a SecureString or a PSCredential.
        input: Objects for the pipeline's input, or None for no input. An iterator is read while it is sent, once.
        has_ui: Whether the host of the command has a user interface. With one, its text is received, and questions wait
            until they are refused. Without one, the text is lost, and a question is an error at once.
        check_mode: The value of ``$Ansible.CheckMode``.
        verbosity: The value of ``$Ansible.Verbosity``: Ansible's verbosity, from 0 up.
        is_command: Whether the text is the name of a function or cmdlet, which also runs in sessions that allow no
            scripts. Then there is no ``$Ansible``.
        creates, removes: Paths, perhaps with wildcards. The script does not run if `creates` exists or `removes` does
        not.
        chdir: The location of the script, or None for that of the session.
        error_action: Its ``$ErrorActionPreference``, or None for that of the session.
        is_alone: Whether the script is the whole pipeline, as another client would send it: without ``$Ansible`` and
            without statements before it.
        has_own_scope: For a script that is alone, whether its variables end with the script.
        title: The text that lists of commands show for the script. None means the beginning of its text.
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
        """Return a cache of values that were computed for one session and are valid for others."""
        return {}

    @property
    def command_line(self) -> str:
        """Return the text that lists of commands show for the script."""
        return (self.text if self.title is None else self.title)[:MAX_COMMAND_LINE]

    @property
    def has_conditions(self) -> bool:
        """Return whether the task checks a path, or sets something for this command, before the script."""
        return any((self.creates, self.removes, self.chdir, self.error_action))


@dataclass(frozen=True)
class Delivery:
    """The part of a script and of its input that a server has received.

    Attributes:
        has_script: Whether the server has the whole script, or None if that is not known. Without it the command has
            not begun.
        at_least, at_most: The number of input objects that the server has. They differ if an answer was lost.
        total: The number of input objects, infinity if it is not known before the end, or None for a script without
            input.
        is_closed: Whether the server also has the end of the input.
    """

    has_script: bool | None
    at_least: int = 0
    at_most: int = 0
    total: float | None = None
    is_closed: bool = False

    @property
    def must_be_stopped(self) -> bool:
        """Return whether the command waits for the rest of its script or input, which will not come.

        If there is no input, and only the last part of the script is in doubt, the script may be running normally.
        """
        return self.has_script is False or (self.total is not None and not self.is_closed)

    @property
    def has_begun(self) -> bool:
        """Return whether the script may have begun."""
        return self.has_script is not False

    @property
    def objects(self) -> str:
        """Return the number of input objects that were delivered, for messages."""
        known = f"{self.at_least}" if self.at_least == self.at_most else f"{self.at_least} to {self.at_most}"
        return f"{known} of {self.total}"


@dataclass
class Output:
    """The output of a command, by stream, as plain data.

    Attributes:
        state: RUNNING until the server reports how the command ended.
        rc: The exit code with which the script called ``exit``, or None. The last call counts.
        output_dropped: Whether the server dropped output before a task received it. None if that cannot be known.
        beginning_received: Whether this task, or an earlier one with the same journal, received the beginning of the
            output. False if another client has it. None if that is not known.
        reconnections: How often the connection broke and was replaced while this task received.
        failure: The error that ended it, or None.
        progress: The last record of progress, or None.
        is_formatted: Whether some of the output is text made from the objects of a Format cmdlet. It is not in results;
            a warning reports it.
        records_not_kept: The number of records of other streams that were left out. A warning reports it. host_out,
        host_err: Text that the command wrote to its host and that no other stream has. They are set at the end of the
        output.
        changed: The value of ``$Ansible.Changed``, or True if the script did not set it.
        failed: The value of ``$Ansible.Failed``.
        result: The value of ``$Ansible.Result``, as plain data.
        diff: The value of ``$Ansible.Diff``.
        skip_reason: The reason if the script did not run, or None.
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
    """The result of one command in one session.

    Attributes:
        command_id: GUID of the command, or None if the session had none.
        unreadable: The error for messages that could not be read and that no task has reported before, or None.
        missing_beginning: The error if another client received the beginning of the output, or None.
        cause: The failure of a request that ended it, or None.
        is_news: Whether some output came from the server now, and not only from the journal.
        error: The error that ended the command or the receiving, or None. A failed command and an unexpected exit code
            are errors, too.
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
        """Return whether the command counts as a change: it started, and did not report that it changed nothing."""
        return self.command_id is not None and self.output.changed

    @property
    def is_complete(self) -> bool:
        """Return whether the command completed and all of its output was received."""
        is_completed = self.output.state is PipelineState.COMPLETED and not self.errors
        return self.command_id is not None and is_completed and not self.output.output_dropped

    @property
    def is_refused(self) -> bool:
        """Return whether the server certainly did not start the command."""
        return self.command_id is None and self.cause is not None and not self.cause.delivered

    @property
    def may_be_lost(self) -> bool:
        """Return whether the state of the session is unknown, because the command could not be received or started.

        If a server refuses to start a command, the session exists, unless the refusal is about the session.
        """
        if self.cause is None or isinstance(self.cause, (LimitExceeded, EndedWithoutState)):
            return False
        is_answer = self.command_id is None and isinstance(self.cause, WSManFault)
        return not is_answer or self.cause.code in _ABOUT_THE_SESSION

    @property
    def needs_reboot(self) -> bool:
        """Return whether the script ended with an expected exit code that asks for a restart of the computer."""
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
    """Return the id of the first command in a new session.

    It is derived from the session's id, so that any client knows that there was no command before it.
    """
    return str(uuid.uuid5(uuid.UUID(session.instance_id), "psremoting.fleet first command"))
