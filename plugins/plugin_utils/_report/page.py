"""The HTML file: one page that needs no network. Without JavaScript it has plain tables.

Most of its text comes from servers. Jinja2 escapes all text. In addition, the page's Content-Security-Policy has the
hash of its only script and allows no other, so text that was not escaped by mistake could not run as a script.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import typing as t
from pathlib import Path

import jinja2
from markupsafe import Markup

from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import charts
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.attention import (
    attention_of,
    limit_of,
    needs_attention,
    to_run_again,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import Report
from ansible_collections.psremoting.fleet.plugins.plugin_utils._text import printable

_FOLDER = Path(__file__).resolve().parent

# Outcome, its heading, its meaning.
OUTCOMES = {
    "unreachable": ("Unreachable", "no answer"),
    "access_denied": ("Access denied", "log-on failed or not allowed"),
    "failed": ("Failed", "something else went wrong"),
    "command_failed": ("Command failed", "the script ended with an error or an unexpected exit code"),
    "busy": ("Busy", "another client holds the session"),
    "expired": ("Expired", "was known, no longer exists"),
    "missing": ("Missing", "no session has this name"),
    "completed_with_errors": ("Completed with errors", "the script completed, and wrote errors"),
    "changed": ("Changed", "done, or would be in check mode"),
    "ok": ("OK", "nothing to do, nothing wrong"),
}
SESSION_COLUMNS = (
    "Id",
    "Name",
    "ComputerName",
    "State",
    "Availability",
    "ConfigurationName",
    "DisconnectedOn",
    "ExpiresOn",
    "Owner",
    "Changed",
    "Command",
)
ERROR_COLUMNS = ("Host", "Session", "Reason", "Error id", "Message")
OUTPUT_COLUMNS = ("Host", "Session", "Command", "Output")
HOST_COLUMNS = ("Host", "Outcome", "Changed", "Sessions", "Errors", "Missing")

# The maximum number of listed expiries, and of session names for each of them. The table has all sessions.
NEXT_EXPIRIES = 10
_SESSIONS = 3
# The number of hosts of a group that are visible before the reader expands it.
_NAMES = 24


def html(report: Report, generated_at: str) -> str:
    """Return the page.

    Args:
        generated_at: UTC time in ISO 8601, with a Z at its end.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # All values that a template shows pass this function, including numbers and constant texts.
        finalize=_shown,
    )
    environment.filters["moment"] = moment
    columns = {
        "hosts": HOST_COLUMNS,
        "sessions": SESSION_COLUMNS,
        "outputs": OUTPUT_COLUMNS,
        "errors": ERROR_COLUMNS,
    }
    # On a narrow screen the cells of a row stand below each other, each with its heading.
    headings = "".join(
        f'#{table} td:nth-child({number}) {{ --heading: "{label}"; }}\n'
        for table, labels in columns.items()
        for number, label in enumerate(labels, 1)
    )
    style = (_FOLDER / "page.css").read_text(encoding="utf-8") + headings
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    expiries = charts.expiries_of(report, generated_at)
    expiry_groups = charts.grouped(expiries)
    next_groups = expiry_groups[:NEXT_EXPIRIES]
    reasons = {row["reason"] for row in report.errors}
    return environment.get_template("page.html.j2").render(
        report=report,
        generated_at=generated_at,
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
        outcomes=OUTCOMES,
        outcome_of={row["host"]: row["outcome"] for row in report.hosts},
        troubled=sum(needs_attention(row, report) for row in report.hosts),
        attention=attention_of(report),
        no_sessions=_no_sessions(report),
        most_names=_NAMES,
        run_again=to_run_again(report),
        limit_of=limit_of,
        choices={
            "outcome": [(outcome, OUTCOMES[outcome][0]) for outcome, count in report.outcomes.items() if count],
            "state": [(state, state) for state in sorted({row["state"] for row in report.sessions if row["state"]})],
            "reason": [(reason, OUTCOMES[reason][0]) for reason in OUTCOMES if reason in reasons],
        },
        outcome_bars=charts.outcome_bars(report),
        state_bars=charts.state_bars(report),
        command_bars=charts.command_bars(report),
        expiries={expiry.row["instance_id"]: expiry for expiry in expiries},
        expiry_groups=expiry_groups,
        next_groups=next_groups,
        later=len(expiries) - sum(len(group.expiries) for group in next_groups),
        most_sessions=_SESSIONS,
        expiry_bars=charts.expiry_bars(expiries),
        ticks=charts.ticks(expiries),
        columns=columns,
    )


def moment(text: t.Any) -> str:
    """Return a time for readers: in UTC, without seconds. A value that is not a time is returned as it is."""
    parsed = charts.parse(text)
    return parsed.strftime("%Y-%m-%d %H:%M") if parsed else str(text)


def _no_sessions(report: Report) -> str:
    """Return the text of a page without sessions. The sessions of hosts that failed are unknown."""
    is_told = not report.hosts or any(row["host"] not in report.failed for row in report.hosts)
    return "There are no sessions." if is_told else "No host has reported its sessions."


def _shown(value: t.Any) -> t.Any:
    return printable(value, keep="\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    """Return the source expression of an inline script or style for a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
