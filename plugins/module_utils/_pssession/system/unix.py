"""Unix: what other systems do not have. The import works everywhere."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys

# Does not wait for the other end of a named pipe.
OPEN_WITHOUT_WAITING: int = getattr(os, "O_NONBLOCK", 0)

try:
    import resource
except ImportError:

    def open_files() -> int:
        """Return a very large number: the limit is not known."""
        return sys.maxsize

else:

    def open_files() -> int:
        """Return how many files this process may have open (RLIMIT_NOFILE), or a very large number without a limit."""
        limit, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if limit == resource.RLIM_INFINITY else limit
