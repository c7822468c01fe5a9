"""Secrets that ansible-core masks in everything it shows, from 2.22 on.

Core registers options with ``no_log`` or ``secret`` and the connection password of the task's own host. The others are
registered here: passwords of other hosts and those of proxies, which are parts of addresses.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings

try:
    from ansible.module_utils.secrets import register_secrets
except ImportError:  # before ansible-core 2.22, which masks nothing

    def register_secrets(values: t.Iterable[str], /) -> None:
        """Do nothing."""


def register_secrets_of(settings: HostSettings) -> HostSettings:
    """Register the passwords among the settings of a host, and return the settings."""
    secret = (getattr(settings, field.name) for field in dataclasses.fields(settings) if not field.repr)
    register_secrets([value for value in secret if value])
    return settings
