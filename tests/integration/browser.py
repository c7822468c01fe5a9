# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real browser for tests of pages, where there is one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

PROGRAMS = ("chromium", "chromedriver")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def need_browser() -> None:
    """Skip the test without Chromium; with PSSESSION_REQUIRE_BROWSER set, fail it."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not missing:
        return
    advice = f"there is no {' and no '.join(missing)} here (on Debian: apt-get install chromium chromium-driver)"
    if os.environ.get("PSSESSION_REQUIRE_BROWSER"):
        pytest.fail(advice)
    pytest.skip(advice)


class Browser:
    """Chromium with one page open at a time."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    @classmethod
    @contextlib.contextmanager
    def started(cls, profile: Path) -> Iterator[Browser]:
        """Start it with a fresh profile, and end it afterwards."""
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which(PROGRAMS[0]) or ""
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which(PROGRAMS[1]) or ""))
        try:
            yield cls(driver)
        finally:
            driver.quit()

    def open(
        self, page: Path, *, width: int = 1360, scheme: str = "light", script: bool = True, zone: str = "Europe/Berlin"
    ) -> None:
        """Open a file in a window of a width, with a colour scheme and a time zone, with or without JavaScript."""
        self.driver.get("about:blank")
        for kind in ("performance", "browser"):
            self.log(kind)
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": media})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.driver.get(page.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def log(self, kind: str) -> list[Any]:
        """Return what came into one of the driver's logs since the last call."""
        return list(self.driver.get_log(kind))

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for since it was opened, its own among them."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [each for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent]
