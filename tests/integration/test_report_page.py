# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of a report in a real browser."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import files
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import report_of
from tests.unit.report_results import HOSTILE, MADE_AT, command, error, fleet, result, session
from tests.waiting import PATIENCE

from .browser import Browser, need_browser

WIDTHS = (360, 820, 1360)
ROWS_OF_A_PAGE = 100


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    need_browser()
    with Browser.started(tmp_path_factory.mktemp("profile")) as started:
        yield started


def page(folder: Path, *results: Any, title: str = "Sessions of the night", output_lines: int = 0) -> Path:
    path = folder / "report.html"
    path.write_bytes(files.content(report_of(results, title, output_lines), "html", MADE_AT))
    return path


def column(browser: Browser, table: str, number: int) -> list[str]:
    """The shown texts of a column."""
    script = "return Array.from(document.querySelectorAll(arguments[0]), each => each.textContent.trim())"
    return list(browser.run(script, f"#{table} tbody td:nth-child({number})"))


def heading(browser: Browser, table: str, text: str) -> Any:
    return browser.driver.find_element(By.XPATH, f"//section[@id='{table}']//th[.//button[text()='{text}']]")


def search(browser: Browser, table: str, text: str) -> None:
    field = browser.driver.find_element(By.ID, f"{table}-search")
    field.clear()
    field.send_keys(text)


def choose(browser: Browser, table: str, name: str, value: str) -> None:
    Select(browser.driver.find_element(By.ID, f"{table}-{name}")).select_by_value(value)


def wait_for_count(browser: Browser, table: str, text: str) -> None:
    """Wait until so many rows are told to be shown."""
    output = browser.driver.find_element(By.CSS_SELECTOR, f"#{table} output")
    WebDriverWait(browser.driver, PATIENCE).until(lambda _driver: output.text == text, f"{output.text} is not {text}")


def test_tables_sort_by_click_and_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    names = {"a10": "2026-11-25T09:00:00Z", "A9": None, "b": "2026-11-25T10:00:00Z", "a1": "2026-11-26T00:00:00Z"}
    sessions = [session("srv01", name, expires_on=at) for name, at in names.items()]
    browser.open(page(tmp_path, result(sessions=sessions)))
    by_name = heading(browser, "sessions", "Name")
    assert by_name.get_attribute("aria-sort") == "none"
    by_name.find_element(By.TAG_NAME, "button").click()
    assert by_name.get_attribute("aria-sort") == "ascending"
    assert column(browser, "sessions", 2) == ["a1", "A9", "a10", "b"]
    by_name.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert by_name.get_attribute("aria-sort") == "descending"
    assert column(browser, "sessions", 2) == ["b", "a10", "A9", "a1"]
    by_expiry = heading(browser, "sessions", "ExpiresOn")
    for expected in (["a10", "b", "a1", "A9"], ["a1", "b", "a10", "A9"]):  # what has no time is last either way
        by_expiry.find_element(By.TAG_NAME, "button").send_keys(Keys.SPACE)
        assert column(browser, "sessions", 2) == expected
    assert by_name.get_attribute("aria-sort") == "none"


def test_five_thousand_sessions_can_be_searched_filtered_and_paged(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(5000)))
    wait_for_count(browser, "sessions", "5,000 sessions")
    assert len(column(browser, "sessions", 1)) == ROWS_OF_A_PAGE
    assert "1 to 100" in browser.driver.find_element(By.CSS_SELECTOR, "#sessions .pages").text
    browser.driver.find_element(By.CSS_SELECTOR, "#sessions .pages [data-step='1']").click()
    assert column(browser, "sessions", 3)[0] == "srv0100"

    search(browser, "sessions", "JOB-12 srv")
    wait_for_count(browser, "sessions", "111 of 5,000 sessions")  # 12, 120 to 129, 1200 to 1299
    search(browser, "sessions", "job-4999")
    wait_for_count(browser, "sessions", "1 of 5,000 sessions")
    assert column(browser, "sessions", 2) == ["Job-4999"]
    search(browser, "sessions", "no such session")
    wait_for_count(browser, "sessions", "0 of 5,000 sessions")
    search(browser, "sessions", session("srv0007", "Job-7")["instance_id"])
    wait_for_count(browser, "sessions", "1 of 5,000 sessions")

    search(browser, "sessions", "job")
    choose(browser, "sessions", "outcome", "busy")
    wait_for_count(browser, "sessions", "500 of 5,000 sessions")
    choose(browser, "sessions", "state", "Opened")
    wait_for_count(browser, "sessions", "166 of 5,000 sessions")
    assert set(column(browser, "sessions", 4)) == {"Opened"}
    heading(browser, "sessions", "Id").find_element(By.TAG_NAME, "button").click()
    wait_for_count(browser, "sessions", "166 of 5,000 sessions")
    choose(browser, "errors", "reason", "missing")
    wait_for_count(browser, "errors", "500 of 3,500 errors")


def test_a_number_of_the_outcomes_leads_to_its_hosts(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(18)))
    browser.driver.find_element(By.CSS_SELECTOR, "a[data-outcome=expired]").click()
    wait_for_count(browser, "hosts", "2 of 18 hosts")
    assert column(browser, "hosts", 1) == ["srv0005", "srv0015"]


def test_the_outcome_is_chosen_for_all_tables_at_once(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(40)))
    choose(browser, "sessions", "outcome", "busy")
    wait_for_count(browser, "hosts", "4 of 40 hosts")
    wait_for_count(browser, "sessions", "4 of 40 sessions")
    choose(browser, "hosts", "outcome", "")
    wait_for_count(browser, "sessions", "40 sessions")


def test_the_number_of_hosts_that_need_attention_leads_to_them_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(20)))
    link = browser.driver.find_element(By.LINK_TEXT, "16")
    link.send_keys(Keys.ENTER)
    assert browser.run("return location.hash") == "#attention"


def values(browser: Browser, *ids: str) -> list[str]:
    return [str(browser.run("return document.getElementById(arguments[0]).value", each)) for each in ids]


def test_the_reader_chooses_and_copies_the_hosts_to_run_again(browser: Browser, tmp_path: Path) -> None:
    errors = [error("srv10", "busy"), error("srv9", "busy"), error("it's $HOME", "unreachable")]
    wrote = session("srv03")
    told = result(sessions=[wrote], results=[command(wrote, error=[{}])], errors=errors)
    path = page(tmp_path, told)
    fields = ("again-hosts", "again-limit")
    everything = ["it's $HOME\nsrv9\nsrv10", "--limit " + shlex.quote("it's $HOME,srv9,srv10")]

    browser.open(path, script=False)
    plain = [browser.driver.find_element(By.ID, each).get_property("value") for each in fields]
    browser.open(path)
    assert values(browser, *fields) == plain == everything

    box = "//fieldset//label[contains(., '{}')]/input"
    browser.driver.find_element(By.XPATH, box.format("Unreachable")).send_keys(Keys.SPACE)
    assert values(browser, *fields) == ["srv9\nsrv10", "--limit srv9,srv10"]
    browser.driver.find_element(By.XPATH, box.format("Completed with errors")).click()
    assert values(browser, *fields)[1] == "--limit srv9,srv10,srv03"
    browser.driver.find_element(By.XPATH, box.format("Busy")).click()
    browser.driver.find_element(By.CSS_SELECTOR, "[data-copy=again-limit]").send_keys(Keys.ENTER)
    said = browser.driver.find_element(By.CSS_SELECTOR, ".again output")
    WebDriverWait(browser.driver, PATIENCE).until(lambda _driver: said.text == "Copied.", said.text)
    search_field = browser.driver.find_element(By.ID, "sessions-search")
    search_field.send_keys(Keys.CONTROL, "v")
    assert search_field.get_property("value") == "--limit srv03"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berlin", ["(09:00 CET)", "(2026-11-26 00:30 CET)"]),
        ("America/New_York", ["(03:00 GMT-5)", "(18:30 GMT-5)"]),
        ("UTC", []),
    ],
)
def test_the_time_of_the_reader_stands_beside_utc(
    browser: Browser, tmp_path: Path, zone: str, expected: list[str]
) -> None:
    path = page(tmp_path, result(sessions=[session("srv01", disconnected_on=None, expires_on="2026-11-25T23:30:00Z")]))
    browser.open(path, zone=zone)
    shown = browser.run("return Array.from(document.querySelectorAll('.local'), each => each.textContent)")
    assert list(dict.fromkeys(shown)) == expected
    times = browser.run("return Array.from(document.querySelectorAll('time'), each => each.textContent)")
    assert times == ["2026-11-25 08:00 UTC", "2026-11-25 23:30 UTC", "2026-11-25 23:30"]


def test_without_javascript_everything_is_there(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(150)), script=False)
    rows = browser.driver.find_elements(By.CSS_SELECTOR, "#sessions tbody tr")
    assert len(rows) == 150
    assert not browser.driver.find_element(By.ID, "sessions-search").is_displayed()


def test_on_paper_all_rows_that_were_found_are_there(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(250)))
    for event, rows in (("beforeprint", 250), ("afterprint", ROWS_OF_A_PAGE)):
        browser.run(f"dispatchEvent(new Event('{event}'))")
        assert len(column(browser, "sessions", 1)) == rows


def test_output_is_collapsed_searched_and_opened_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    sessions = [session(f"srv{number:02}") for number in range(20)]
    given = [command(of, output=[f"on {of['computer_name']}", HOSTILE, "x" * 5_000]) for of in sessions]
    for width in WIDTHS:
        browser.open(page(tmp_path, result(sessions=sessions, results=given), output_lines=10), width=width)
        search(browser, "outputs", "on srv07")
        wait_for_count(browser, "outputs", "1 of 20 outputs")
        text = browser.driver.find_element(By.CSS_SELECTOR, "#outputs pre")
        assert not text.is_displayed()
        browser.driver.find_element(By.CSS_SELECTOR, "#outputs summary").send_keys(Keys.ENTER)
        assert text.text.splitlines()[:2] == ["on srv07", HOSTILE]
        assert browser.run("return document.documentElement.scrollWidth") == width
    assert browser.driver.title == "Sessions of the night"


def test_on_paper_there_is_only_output_that_is_open(browser: Browser, tmp_path: Path) -> None:
    sessions = [session("srv01"), session("srv02")]
    given = [command(of) for of in sessions]
    browser.open(page(tmp_path, result(sessions=sessions, results=given), output_lines=10))
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    section = browser.driver.find_element(By.ID, "outputs")
    assert not section.is_displayed()
    browser.run("document.querySelector('#outputs details').open = true")
    assert section.is_displayed()
    rows = section.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert [row.is_displayed() for row in rows] == [True, False]


def test_no_table_is_wider_than_paper(browser: Browser, tmp_path: Path) -> None:
    across = 277 * 96 // 25.4  # A4 without its margins, in pixels of a page that is printed
    browser.open(page(tmp_path, fleet(40)), width=int(across))
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return matchMedia('print').matches")
    assert browser.run("return document.documentElement.scrollWidth") == across


def test_on_paper_every_host_that_needs_attention_is_named(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, result(errors=[error(f"srv{number:03}", "busy") for number in range(100)])))
    last = browser.driver.find_element(By.XPATH, "//section[@id='attention']//bdi[text()='srv099']")
    for medium, is_shown in (("", False), ("print", True)):
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium})
        assert browser.run("return arguments[0].checkVisibility()", last) is is_shown


def test_hostile_names_are_only_text(browser: Browser, tmp_path: Path) -> None:
    names = [HOSTILE, "\"'><b>x", "\u05e9\u05dc\u05d5\u05dd", "\u202egpj", "{{ 7 * 7 }}", "&lt;b&gt;"]
    sessions = [session("srv01", name, owner=name, configuration_name=name) for name in names]
    wrong = [error("srv01", message=name, hint=name, session_name=name) for name in names]
    browser.open(page(tmp_path, result(sessions=sessions, errors=wrong), title=HOSTILE))
    assert browser.driver.title == HOSTILE
    shown = {name.replace("\u202e", "?") for name in names}
    assert set(column(browser, "sessions", 2)) == shown
    assert set(column(browser, "errors", 5)) == shown
    assert browser.run("return document.querySelectorAll('img, main b, main script').length") == 0
    search(browser, "sessions", "</script>")
    wait_for_count(browser, "sessions", "1 of 6 sessions")


def test_the_policy_of_the_page_stops_what_escaping_would_not(browser: Browser, tmp_path: Path) -> None:
    """Foreign markup in the page, as if escaping had failed."""
    path = page(tmp_path, fleet(3))
    evil = '<img src="http://127.0.0.1:9/" onerror="document.title=1"><script>document.title=2</script>'
    path.write_text(path.read_text(encoding="utf-8").replace("<main>", f"<main>{evil}"), encoding="utf-8")
    browser.open(path)
    assert browser.run("return document.querySelectorAll('main > img').length") == 1
    assert browser.driver.title == "Sessions of the night"
    wait_for_count(browser, "sessions", "3 sessions")
    assert len([entry for entry in browser.log("browser") if "Content Security Policy" in entry["message"]]) >= 2


def test_the_page_asks_for_nothing_but_itself_and_complains_of_nothing(browser: Browser, tmp_path: Path) -> None:
    path = page(tmp_path, fleet(20))
    browser.open(path)
    wait_for_count(browser, "sessions", "20 sessions")
    assert browser.requests() == [path.as_uri()]
    assert browser.log("browser") == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("names", ["short", "long"])
def test_no_page_is_wider_than_its_window(browser: Browser, tmp_path: Path, width: int, names: str) -> None:
    long = "x" * 300
    hostile = result(sessions=[session(long, long, owner=long)], errors=[error(long, message=long, hint=long)])
    browser.open(page(tmp_path, fleet(20) if names == "short" else hostile, title=long), width=width)
    assert browser.run("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]


CONTRAST = """
const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const numbers = color => color.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = element => {
  for (; element; element = element.parentElement) {
    const color = numbers(getComputedStyle(element).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
return Array.from(document.querySelectorAll("body *"))
  .filter(each => !["SCRIPT", "OPTION"].includes(each.tagName) && each.checkVisibility())
  .filter(each => Array.from(each.childNodes).some(node => node.nodeType === 3 && node.textContent.trim()))
  .map(each => {
    const style = getComputedStyle(each);
    const color = each instanceof SVGElement ? style.fill : style.color;
    const [light, dark] = [luminance(numbers(color)), luminance(ground(each))].sort((a, b) => b - a);
    return [(light + 0.05) / (dark + 0.05), each.tagName + "." + each.className, each.textContent.trim().slice(0, 40)];
  })
  .filter(([ratio]) => ratio < 4.5);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_either_scheme(browser: Browser, tmp_path: Path, scheme: str) -> None:
    path = page(tmp_path, fleet(20), output_lines=10)
    browser.open(path, scheme=scheme)
    browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    background = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) < 384) is (scheme == "dark")
    assert browser.run(CONTRAST) == []


def test_the_page_can_be_used_without_seeing_it(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(20), output_lines=10))
    tags = "return Array.from(document.querySelectorAll(arguments[0]), each => each.tagName)"
    assert browser.run("return document.documentElement.lang") == "en"
    assert browser.run(tags, "body > header, main, body > footer") == ["HEADER", "MAIN", "FOOTER"]
    levels = [int(tag[1]) for tag in browser.run(tags, "h1, h2, h3, h4, h5, h6")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False))
    nameless = """
      return Array.from(document.querySelectorAll("input, select, button, a, section, nav, [role]"))
        .filter(each => !(each.labels?.length || each.textContent.trim() && !each.matches("section, nav, [role]")
          || each.ariaLabel || document.getElementById(each.getAttribute("aria-labelledby"))))
        .map(each => each.outerHTML.slice(0, 80))
    """
    assert browser.run(nameless) == []
    assert browser.run("return Array.from(document.querySelectorAll('table'), each => !!each.caption)") == [True] * 4
    assert browser.run("return document.querySelectorAll('th:not([scope])').length") == 0
    assert browser.run("return document.querySelectorAll('svg:not([role=img]):not([aria-hidden])').length") == 0
    ids = browser.run("return Array.from(document.querySelectorAll('[id]'), each => each.id)")
    assert len(ids) == len(set(ids))


def test_focus_can_be_seen(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, fleet(20)))
    focused = "const style = getComputedStyle(document.activeElement); return [style.outlineStyle, style.outlineWidth]"
    for _times in range(12):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        style, width = browser.run(focused)
        assert (style, float(width[:-2]) >= 2) == ("solid", True)
