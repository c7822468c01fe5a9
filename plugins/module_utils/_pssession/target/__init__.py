"""Computers as targets: address, TLS, proxy and log-on, from a request and the inventory's settings."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
