"""Writes files that readers always find complete."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import tempfile


def write_whole(path: str, text: bytes, mode: int) -> None:
    """Replace a file as a whole. A reader finds the old file or the new one.

    Raises:
        OSError: It cannot be written. The old file is unchanged.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(path)}-")
    try:
        with open(descriptor, "wb") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):  # where all went well it has its name now
            os.unlink(temporary)
