"""Python libraries that the engine needs, and an error that names a missing one.

They are imported once, here, so that the rest of the engine can be imported (and its options be checked) without them.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import traceback

from ..model.errors import MissingLibraryError

# The lower bounds are kept in meta/ee-requirements.txt, for pip and for execution environments; a test compares them.
PYPSRP_MINIMUM = "0.9.1"
PYWINRM_MINIMUM = "0.5.0"
PYSOCKS_MINIMUM = "1.7.1"

IMPORT_FAILURE: str | None = None
try:
    importlib.import_module("pypsrp.wsman")  # with it come requests and urllib3
except ImportError:
    IMPORT_FAILURE = traceback.format_exc()


def require_pypsrp() -> None:
    """Make sure that pypsrp (and with it requests and urllib3) can be used.

    Raises:
        MissingLibraryError: It is not installed for the Python interpreter at work; the message says how to.
    """
    if IMPORT_FAILURE is not None:
        raise MissingLibraryError(
            f"The Python library pypsrp {PYPSRP_MINIMUM} or newer is needed where this runs. Install it there with "
            f"'python -m pip install \"pypsrp>={PYPSRP_MINIMUM}\"', or use an execution environment built with this "
            f"collection. Importing it failed with: {IMPORT_FAILURE.strip().splitlines()[-1]}"
        )
