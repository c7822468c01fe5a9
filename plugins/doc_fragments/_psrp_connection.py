"""Documentation of the options of ansible-core's psrp connection plugin, read from the installed core.

Their defaults and their number differ by core, and the connection plugin of this collection works with all of them.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import yaml
from ansible.plugins.connection import psrp


def _options() -> dict[str, t.Any]:
    """Return core's options; versions in which core got them would be taken for versions of this collection."""
    options: dict[str, t.Any] = yaml.safe_load(psrp.DOCUMENTATION)["options"]
    for option in options.values():
        option.pop("version_added", None)
    # WSMAN before ansible-core 2.21; domains often have no principal for it.
    options["negotiate_service"]["default"] = "host"
    return options


class ModuleDocFragment:
    # With a type, because ansible-test's yamllint wants every other assignment to this name to be of literal text.
    DOCUMENTATION: str = yaml.safe_dump({"options": _options()}, sort_keys=False)
