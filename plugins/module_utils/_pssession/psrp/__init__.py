"""PowerShell Remoting Protocol (MS-PSRP): the messages inside the WS-Management operations."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
