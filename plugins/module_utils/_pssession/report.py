"""Report: sessions that were found, changed and missing, as plain data for a task result."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .model.commands import CommandResult
from .model.endpoints import Endpoint
from .model.error_groups import grouped
from .model.errors import ErrorRecord
from .model.sessions import PSSession
from .model.text import counted

# What ansible.windows.win_powershell returns about its script.
_OF_THE_SCRIPT = ("result", "output", "error", "warning", "verbose", "debug", "information", "host_out", "host_err")


@dataclass(frozen=True)
class Report:
    """The result of one task, built once at its end.

    Attributes:
        sessions: The sessions connected, or in check mode and for the lookup those selected, as found.
        before, after: The selected sessions as they were found and as they are now (in check mode: as they would be),
            for the diff.
        missing: What was wanted and not found; part of `errors` only when that counts as failure.
        what_if: The key of each session to which something would be done, with a line that says what; None if the task
            is not in check mode.
        results: What commands gave, for verbs that run or receive them.
        accounts: For each computer, the own account, if the task looked for its sessions.
        changed_sessions: Keys of the sessions that were changed, or in check mode would be.
    """

    parameter_set: str
    sessions: t.Sequence[PSSession] = ()
    before: t.Sequence[PSSession] = ()
    after: t.Sequence[PSSession] = ()
    errors: t.Sequence[ErrorRecord] = ()
    missing: t.Sequence[ErrorRecord] = ()
    what_if: t.Sequence[tuple[tuple[str, str], str]] | None = None
    results: t.Sequence[CommandResult] | None = None
    changed_sessions: t.Collection[tuple[str, str]] = ()
    accounts: t.Sequence[tuple[Endpoint, str]] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the result as plain data. The caller decides whether errors fail the task."""
        return {
            **self._results(),
            "changed": bool(self.changed_sessions),
            "parameter_set": self.parameter_set,
            "sessions": [self._session(session) for session in self.sessions],
            "errors": [error.as_dict() for error in self.errors],
            "missing": [error.target for error in self.missing],
            "what_if": [line for _key, line in self.what_if or ()],
            **({"accounts": [_account(*each) for each in self.accounts]} if self.accounts else {}),
        }

    def _session(self, session: PSSession) -> dict[str, t.Any]:
        line = {} if self.what_if is None else {"what_if": dict(self.what_if).get(session.key)}
        return {**session.as_dict(), "changed": session.key in self.changed_sessions, **line}

    def _results(self) -> dict[str, t.Any]:
        """Return the results of commands. If there is only one and it has ended, its values are also at the top."""
        if self.results is None:
            return {}
        results = [result.as_dict() for result in self.results]
        only = results[0] if len(results) == 1 else {}
        ended = only if self.results and self.results[0].output.is_finished else {}
        return {
            "results": results,
            **({"rc": only["rc"]} if only.get("rc") is not None else {}),
            **{name: ended[name] for name in _OF_THE_SCRIPT if name in ended},
            **({"msg": only["skip_reason"]} if only.get("skip_reason") else {}),
            "reboot_required": any(result["reboot_required"] for result in results),
        }

    def diff(self) -> dict[str, t.Any] | list[dict[str, t.Any]]:
        """Return the changes that scripts report, as an Ansible diff, or else the changes of the sessions."""
        told = [result for result in self.results or () if result.output.diff]
        if len(told) == 1:
            return told[0].output.diff
        return [_told(result) for result in told] or self._diff_of_sessions()

    def _diff_of_sessions(self) -> dict[str, t.Any]:
        """Return state and availability of the sessions before and after."""
        before = {session.key: session for session in self.before}
        after = {session.key: session for session in self.after}
        return {
            "before_header": "sessions found",
            "after_header": "sessions now",
            "before": "".join(_line(session) for session in self.before),
            "after": "".join(map(_line, {**before, **after}.values())),
        }

    def failure(self) -> str:
        """Return one message for all errors, with each failure, its place and a hint."""
        return failure([error.as_dict() for error in self.errors], [session.as_dict() for session in self.sessions])


def failure(errors: t.Sequence[t.Mapping[str, t.Any]], sessions: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """Return one message for some error records, given as plain data: several are grouped, one group on some lines.

    Args:
        sessions: Those of the same result; one that no error is about went well.
    """
    if len(errors) == 1:
        hint = errors[0].get("hint")
        return f"{errors[0]['message']} ({hint})" if hint else str(errors[0]["message"])
    failed = {_identity(error) for error in errors}
    went_well = sum(_identity(session) not in failed for session in sessions)
    well = f", {counted(went_well, 'session')} went well" if went_well else ""
    head = f"{len(errors)} errors{well}."
    return "\n".join([head, *grouped(errors)]) if errors else ""


def _identity(entry: t.Mapping[str, t.Any]) -> tuple[object, object]:
    return entry.get("computer_name"), entry.get("instance_id")


def _told(result: CommandResult) -> dict[str, t.Any]:
    """Return the changes that a script reports, with the name of its session as the heading."""
    place = result.session.place
    return {"before_header": place, "after_header": place, **result.output.diff}


def _account(endpoint: Endpoint, account: str) -> dict[str, t.Any]:
    about = {"computer_name": endpoint.computer_name, "inventory_hostname": endpoint.inventory_hostname}
    return {**about, "account": account}


def _line(session: PSSession) -> str:
    return f"{session.place}: {session.state.value}, {session.availability.value}\n"
