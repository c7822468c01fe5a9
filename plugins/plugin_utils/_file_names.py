"""Names of files and folders for hosts and sessions. They stay in their folder, and no two names share a file."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import typing as t

# Separators, characters that Windows does not allow in names (it may share folders), and the two characters that mark
# encoded names.
_ENCODED = frozenset('/\\:*?"<>|%~')
# Bytes in UTF-8. File systems allow 255 for a name, and some only 143; endings and a digest come behind it.
_MOST_BYTES = 100


class FileNames:
    """Gives names in one folder a file name each.

    A file system may treat two spellings of a name as the same. So if the folder has another spelling of a name, the
    name gets a digest at its end.

    Args:
        present: The file names that were given in this folder before, without their endings.
    """

    def __init__(self, present: t.Iterable[str] = ()) -> None:
        self._spellings: dict[str, set[str]] = {}
        for name in present:
            self._add(name)

    def of(self, name: str) -> str:
        """Return the file name for a name, always the same one."""
        plain = file_name(name)
        marked = f"{plain}~{_digest(name)[:8]}"
        others = self._spellings.get(plain.casefold(), set())
        is_taken = marked in self._spellings.get(marked.casefold(), ()) or (others and plain not in others)
        return self._add(marked if is_taken else plain)

    def _add(self, name: str) -> str:
        self._spellings.setdefault(name.casefold(), set()).add(name)
        return name


def file_name(name: str) -> str:
    """Return a name as the name of a file. Special characters are percent-encoded, and long names get a digest.

    Different names have different file names. `urllib.parse.unquote` turns one back into the name, unless it was so
    long that its end is a digest.
    """
    last = len(name) - 1
    text = "".join(
        _encoded(sign) if _is_unsafe(sign, is_first=number == 0, is_last=number == last) else sign
        for number, sign in enumerate(name)
    )
    if not text:
        return "%"
    data = text.encode()
    if len(data) <= _MOST_BYTES:
        return text
    return f"{data[:_MOST_BYTES].decode(errors='ignore')}~{_digest(name)[:16]}"


def _is_unsafe(sign: str, *, is_first: bool, is_last: bool) -> bool:
    # A dot at the beginning hides a file, and Windows allows no dots and blanks at the end.
    return sign in _ENCODED or not sign.isprintable() or (is_first and sign == ".") or (is_last and sign in ". ")


def _encoded(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode(errors="surrogatepass"))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
