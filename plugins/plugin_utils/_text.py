# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Text that servers wrote, made fit to be shown."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """Return a text with a question mark for each character that is not printable and not among those to keep.

    Names come from servers. Control characters would break lines and terminals, and some of Unicode's turn the
    direction of what follows.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else "?" for each in text)
