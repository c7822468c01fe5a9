"""Outcome: one host's part of a fleet-wide result, and the outcome of that host in one word.

Everything here works on results as plain data, so it is the same for a task that ran on each host and for one that
did the work of all.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import error_groups
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import failure

Entry = Mapping[str, t.Any]

# Reasons of failures, the worst first.
REASONS = tuple(reason.value for reason in Reason)
# A script completed, so it is not a failure, but it wrote to its error stream.
COMPLETED_WITH_ERRORS = "completed_with_errors"
# Outcomes of a host, the worst first. The last three are for hosts without error records.
OUTCOMES = (*REASONS, COMPLETED_WITH_ERRORS, "changed", "ok")


def outcome_of(errors: t.Iterable[Entry], changed: bool, results: t.Iterable[Entry] = ()) -> str:
    """Return the outcome of a host.

    It is the worst reason among its errors, that a script completed with errors, or whether anything was changed there.

    Args:
        results: The results of its commands.
    """
    reasons = {reason_of(error) for error in errors}
    worst = next((outcome for outcome in OUTCOMES if outcome in reasons), None)
    if worst is None and any(map(_has_completed_with_errors, results)):
        return COMPLETED_WITH_ERRORS
    return worst or ("changed" if changed else "ok")


def _has_completed_with_errors(result: Entry) -> bool:
    return result.get("state") == "Completed" and bool(result.get("error"))


def reason_of(error: Entry) -> str:
    """Return the reason of an error record, or `failed` if it has none."""
    return str(error.get("reason") or Reason.FAILED.value)


def is_still_running(error: Entry) -> bool:
    """Return whether an error only means that a command did not end in time."""
    return error.get("category") == "OperationTimeout" and reason_of(error) == Reason.FAILED.value


def host_of(entry: Entry) -> str | None:
    """Return the inventory host of a session, an error or the result of a command, or else its computer."""
    return entry.get("inventory_hostname") or entry.get("computer_name")


def hosts_of(entry: Entry) -> list[str]:
    """Return the hosts of an entry, in lower case. None means all hosts."""
    return [host.lower() for host in error_groups.hosts_of(entry)]


def of_host(results: Entry | t.Sequence[Entry], host: str, fail_on: t.Container[str] = REASONS) -> dict[str, t.Any]:
    """Return one host's part of a task's result.

    An error that is about no computer in particular, such as a wrong option, is about every host. A failed task without
    error records failed outside the engine; its message becomes a record.

    Args:
        results: The results of one or more tasks, in their order. For a session the last result counts.
        fail_on: The reasons that make the host fail.
    """
    in_order = [results] if isinstance(results, Mapping) else list(results)
    seen = [session for result in in_order for session in _about(host, result, "sessions")]
    sessions = _latest(seen)
    errors = [error for result in in_order for error in _errors(host, result)]
    given = [entry for result in in_order for entry in _about(host, result, "results")]
    unchanged = _said_unchanged(given)
    changed = any(session.get("changed") and session.get("instance_id") not in unchanged for session in sessions)
    return {
        "host": host,
        "outcome": outcome_of(errors, changed, given),
        "changed": changed,
        "failed": any(reason_of(error) in fail_on for error in errors),
        "msg": failure(errors, sessions),
        "sessions": sessions,
        "results": given,
        "errors": errors,
        "missing": [error.get("target") for error in errors if reason_of(error) == Reason.MISSING.value],
        "what_if": [session["what_if"] for session in seen if session.get("what_if")],
    }


def unrolled(results: t.Iterable[Entry]) -> t.Iterator[Entry]:
    """Yield results of tasks. The result of a loop is replaced by those of its rounds."""
    for result in results:
        rounds = result.get("results")
        if "sessions" not in result and isinstance(rounds, Sequence) and not isinstance(rounds, str):
            yield from unrolled(each for each in rounds if isinstance(each, Mapping))
        else:
            yield result


def message_of(failed: t.Sequence[Entry], count: int, verb: str = "failed") -> str:
    """Return one message for the hosts that failed, each as `of_host` returns it.

    Args:
        count: The number of hosts.
        verb: The verb for hosts that did not fail.
    """
    if count == 1:
        return str(failed[0]["msg"])
    errors = [error if hosts_of(error) else {**error, **_at(host)} for host in failed for error in host["errors"]]
    return "\n".join([f"{len(failed)} of {count} hosts {verb}.", *error_groups.grouped(errors)])


def parts_of(result: Entry, hosts: t.Iterable[str]) -> dict[str, dict[str, list[t.Any]]]:
    """Return each host's part of a task's result, in one pass over the result.

    The parts are results as well: `of_host` makes of a part what it makes of the whole. They have the keys sessions,
    results, errors and what_if. An error that is about no computer in particular is in the part of every host.
    """
    parts: dict[str, dict[str, list[t.Any]]] = {
        host: {"sessions": [], "results": [], "errors": [], "what_if": []} for host in hosts
    }
    by_name = {host.lower(): part for host, part in parts.items()}
    for key in ("sessions", "results", "errors"):
        for entry in result.get(key) or ():
            names = hosts_of(entry)
            about = [by_name[name] for name in names if name in by_name]
            for part in parts.values() if key == "errors" and not names else about:
                part[key].append(entry)
                if key == "sessions" and entry.get("what_if"):
                    part["what_if"].append(entry["what_if"])
    if result.get("failed") and not result.get("errors"):
        for part in parts.values():
            part["errors"].append(_record_of(result))
    return parts


def _at(host: Entry) -> dict[str, str]:
    """Return the fields that assign an error without a host to one host."""
    return {"inventory_hostname": host["host"]}


def _errors(host: str, result: Entry) -> list[Entry]:
    """Return the errors of a result for one host, and then the errors that belong to no host."""
    errors = _about(host, result, "errors")
    errors += [error for error in result.get("errors") or () if not hosts_of(error)]
    if result.get("failed") and not result.get("errors"):
        errors.append(_record_of(result))
    return errors


def _record_of(result: Entry) -> Entry:
    """Return the record for a task that failed outside the engine, without error records."""
    return {"message": str(result.get("msg") or "the task failed"), "reason": Reason.FAILED.value}


def _said_unchanged(given: t.Iterable[Entry]) -> set[t.Any]:
    """Return the ids of the sessions whose scripts have ended and reported that they changed nothing."""
    said: dict[t.Any, bool] = {}
    for entry in given:
        if entry.get("state") not in (None, "Running"):
            said[entry.get("instance_id")] = said.get(entry.get("instance_id")) or entry.get("changed") is not False
    return {instance_id for instance_id, changed in said.items() if not changed}


def _latest(sessions: t.Iterable[Entry]) -> list[Entry]:
    """Return each session once, in its last state. It counts as changed if any task changed it."""
    latest: dict[object, Entry] = {}
    for number, session in enumerate(sessions):
        key = session.get("instance_id") or number
        changed = bool(session.get("changed") or latest.get(key, {}).get("changed"))
        latest[key] = {**session, "changed": changed}
    return list(latest.values())


def _about(host: str, result: Entry, key: str) -> list[Entry]:
    """Return the entries of one host in a list of a result."""
    wanted = host.lower()
    found = []
    for entry in result.get(key) or ():
        # Of thousands of entries nearly all are about one other host.
        name = entry.get("inventory_hostname") or entry.get("computer_name")
        if (name and name.lower() == wanted) or (entry.get("computers") and wanted in hosts_of(entry)):
            found.append(entry)
    return found
