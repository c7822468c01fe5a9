# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the tests of Kerberos can run here."""

from __future__ import annotations

from tests.simulator.tests.needs import need_kerberos

__all__ = ["need_kerberos"]
