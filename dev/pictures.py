# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the pictures of README.md in docs/images: a part of the demo's terminal output, and the report that it writes.

Chromium takes the picture of the report. Look at both before you commit them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
REPORT = ROOT / ".cache" / "demo" / "report.html"
COLUMNS = 128
# The part of the demo that the picture shows: its comment at the beginning, and the one after its end.
FIRST, AFTER = "Connect to all sessions", "Connect again"


def demo() -> str:
    """Run the demo in colour and return what it prints.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    command = [sys.executable, "demo/run.py"]
    return subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True).stdout


def part(output: str) -> str:
    """Return the part of the demo's output that is shown, without the recaps and the folder of this checkout."""
    text = output.replace(str(ROOT), "/home/me/fleet")
    text = text[text.index(f"# {FIRST}") : text.index(f"# {AFTER}")]
    text = re.sub(r"\nPLAY RECAP.*?(?=\n\n|\Z)", "", text, flags=re.DOTALL)
    return re.sub(r"\n{2,}", "\n\n", text).strip()


def terminal(text: str, path: Path) -> None:
    """Draw the text of a terminal as an SVG file."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(text), no_wrap=True, crop=True)
        # Without a font from the network the viewer's own monospaced font is used.
        drawn = console.export_svg(title="make demo", unique_id="demo")
    path.write_text(re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL), encoding="utf-8")


def screenshot(page: Path, path: Path) -> None:
    """Take a picture of a page.

    Raises:
        subprocess.CalledProcessError: Chromium failed.
    """
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("pictures: there is no chromium here (on Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="psremoting-fleet-pictures-") as profile:
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"]
        options += ["--window-size=1100,760", f"--screenshot={path}", page.as_uri()]
        subprocess.run([program, *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    terminal(part(demo()), IMAGES / "demo.svg")
    screenshot(REPORT, IMAGES / "report.png")
    print(f"pictures: {IMAGES.relative_to(ROOT)}/demo.svg and report.png")


if __name__ == "__main__":
    main()
