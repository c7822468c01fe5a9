"""Identity of work: recognises work, so that other work never gets its result.

Journals and results have the name of the session, the host, and digests of the script, of its parameters and of its
conditions, such as the location in which it starts. The digests are salted, and no digest has values of sensitive
parameters.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import hmac
import json
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.names import is_same_name
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Entry, Order, Result

_CONDITIONS = ("creates", "removes", "chdir", "error_action")
# The difference in words, for each noted property.
_DIFFERENCES = {
    "script": "its script differs",
    "parameters": "the parameters of its script differ",
    "conditions": f"its {', '.join(_CONDITIONS[:-1])} or {_CONDITIONS[-1]} differs",
}


def identity_of(order: Order, host: str, salt: str) -> dict[str, str]:
    """Return the identity of an order's work on a host."""
    options = order.options
    (name,) = options["name"]
    sensitive = sorted(str(each.get("name")) for each in options.get("sensitive_parameters") or ())
    given = [options.get("arguments") or [], options.get("parameters") or {}, sensitive]
    command = options.get("command")
    return {
        "name": name,
        "host": host,
        "salt": salt,
        # A command differs from a script with the same text.
        "script": _digest(salt, {"command": command} if command else options.get("script")),
        "parameters": _digest(salt, given),
        "conditions": _digest(salt, order.given(*_CONDITIONS)),
    }


def difference(noted: Entry, order: Order, host: str) -> str:
    """Return the difference between noted work and that of an order in words, or an empty text.

    Properties that were not noted are not compared.
    """
    own = identity_of(order, host, str(noted.get("salt") or ""))
    if is_elsewhere(noted, order, host):
        return f"its session is {shown(str(noted.get('name')))} on {shown(str(noted.get('host') or host))}"
    # All of these are digests with the same salt.
    differences = (words for part, words in _DIFFERENCES.items() if noted.get(part) not in (None, own[part]))
    return next(differences, "")


def is_elsewhere(noted: Entry, order: Order, host: str) -> bool:
    """Return whether noted work has a session of another name, or on another host."""
    (name,) = order.options["name"]
    return not (
        is_same_name(shown(str(noted.get("name") or name)), shown(name))
        and str(noted.get("host") or host).lower() == host.lower()
    )


def noted_in(kept: Result | None, begun: Entry | None) -> Entry | None:
    """Return the identity of a folder's work, from a kept result or else from the journal.

    A result of an earlier version only has the name of the session.
    """
    result = kept or {}
    names = [each["name"] for each in result.get("results") or () if each.get("name")]
    return result.get("work") or begun or ({"name": names[0]} if names else None)


def _digest(salt: str, value: t.Any) -> str:
    data = json.dumps(_in_one_form(value))
    return hmac.new(salt.encode(), data.encode("ascii"), hashlib.sha256).hexdigest()


def _in_one_form(value: t.Any) -> t.Any:
    """Return a value in a canonical form, independent of the order of keys."""
    if isinstance(value, t.Mapping):
        items = [(str(key), _in_one_form(each)) for key, each in value.items()]
        return {"mapping": sorted(items, key=lambda item: item[0])}
    if isinstance(value, (list, tuple)):
        return [_in_one_form(each) for each in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
