"""WS-Management (MS-WSMV): operations on remote shells, their faults, and HTTP underneath."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
