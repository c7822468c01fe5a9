#!/bin/sh
# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Prints the path of a Python that runs, is 3.11 or newer and can make virtual environments.
#
# Being on PATH is not enough: version managers put launchers there for Pythons that are not installed or not selected.
# A Python inside a virtual environment is followed to the real one, so that ours can be removed and made again.

probe='
import os, sys
if sys.version_info < (3, 11):
    sys.exit(1)
import ensurepip, venv
print(os.path.realpath(sys.executable))
'

for name in python3.13 python3.12 python3.11 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3; do
    if found=$("$name" -c "$probe" 2>/dev/null) && [ -n "$found" ]; then
        printf '%s\n' "$found"
        exit 0
    fi
done

cat >&2 <<'EOF'
No usable Python found. Needed: Python 3.11 or newer with its venv module
(Debian and Ubuntu keep that in a package of its own: apt install python3-venv).
To choose one yourself: make PYTHON=/path/to/python3 ...
EOF
exit 1
