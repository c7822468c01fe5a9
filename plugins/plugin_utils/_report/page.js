// Copyright (c) 2026, psremoting.fleet contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Makes the tables of the page sortable, searchable and short, adds the reader's local time, and lets the reader choose
// and copy the hosts to run again. Without it the page has plain tables and lists that say the same.

"use strict";
(() => {
  const ROWS_OF_A_PAGE = 100;
  const WAIT_MS = 80; // between a key stroke and the search
  const collator = new Intl.Collator("en", {numeric: true, sensitivity: "base"});
  const number = new Intl.NumberFormat("en");

  // The time of the reader's zone, beside each time in UTC.
  function localise() {
    const format = new Intl.DateTimeFormat("en-GB", {
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
    });
    document.querySelectorAll("time").forEach((each) => {
      const at = new Date(each.dateTime);
      if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0) return;
      const part = Object.fromEntries(format.formatToParts(at).map(({type, value}) => [type, value]));
      const day = `${part.year}-${part.month}-${part.day}`;
      const time = `${part.hour}:${part.minute} ${part.timeZoneName}`;
      const local = document.createElement("small");
      local.className = "local";
      local.textContent = each.dateTime.startsWith(day) ? `(${time})` : `(${day} ${time})`;
      each.after(" ", local);
    });
  }

  // The list of hosts to run again follows the outcomes that are chosen.
  function letChooseHosts() {
    const again = document.querySelector(".again");
    if (!again) return;
    const boxes = [...again.querySelectorAll("input[type=checkbox]")];
    const [names, option] = [document.getElementById("again-hosts"), document.getElementById("again-limit")];
    const hosts = Array.from(document.querySelectorAll("#hosts tbody tr"), (row) =>
      [row.dataset.outcome, row.querySelector(".key").textContent]);
    // As a shell reads it: whatever else a name has stands in single quotes.
    const quoted = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;

    function list() {
      const chosen = boxes.filter((each) => each.checked).map((each) => each.value);
      const found = chosen.flatMap((outcome) => hosts.filter((host) => host[0] === outcome).map((host) => host[1]));
      names.value = found.join("\n");
      option.value = found.length ? `--limit ${quoted(found.join(","))}` : "";
      again.querySelector("output").textContent = `${number.format(found.length)} ${found.length === 1 ? "host" : "hosts"}`;
    }

    boxes.forEach((each) => each.addEventListener("change", list));
    again.querySelectorAll("[data-copy]").forEach((button) => {
      const field = document.getElementById(button.dataset.copy);
      button.hidden = false;
      button.addEventListener("click", async () => {
        field.select();
        try {
          await navigator.clipboard.writeText(field.value);
        } catch {
          // Not every browser lets a page of a file use the clipboard in this way.
          if (!document.execCommand("copy")) return;
        }
        again.querySelector("output").textContent = "Copied.";
      });
    });
    again.querySelector("fieldset").hidden = false;
    list();
  }

  function enhance(section) {
    const table = section.querySelector("table");
    if (!table) return;
    const body = table.tBodies[0];
    const search = section.querySelector("input");
    const filters = [...section.querySelectorAll("select")];
    const count = section.querySelector("output");
    const pages = section.querySelector(".pages");
    const headings = [...table.tHead.rows[0].cells];
    const rows = Array.from(body.rows, (row, place) => {
      const cells = Array.from(row.cells, (cell) => cell.querySelector("time")?.dateTime ?? cell.textContent.trim());
      const shown = Array.from(row.cells, (cell) => cell.textContent.trim());
      return {row, place, cells, text: [...shown, row.dataset.find].join("\n").toLowerCase()};
    });
    let sorted = rows;
    let found = rows;
    let first = 0;

    function show(from) {
      first = from;
      const last = Math.min(first + ROWS_OF_A_PAGE, found.length);
      body.replaceChildren(...found.slice(first, last).map((each) => each.row));
      const all = `${number.format(rows.length)} ${rows.length === 1 ? section.id.slice(0, -1) : section.id}`;
      count.textContent = found.length === rows.length ? all : `${number.format(found.length)} of ${all}`;
      pages.hidden = found.length <= ROWS_OF_A_PAGE;
      pages.querySelector("span").textContent = `${number.format(first + 1)} to ${number.format(last)}`;
      const [previous, next] = pages.querySelectorAll("button");
      previous.disabled = first === 0;
      next.disabled = last === found.length;
    }

    function filter() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = filters.filter((each) => each.value).map((each) => [each.dataset.filter, each.value]);
      found = sorted.filter((each) =>
        words.every((word) => each.text.includes(word)) &&
        wanted.every(([name, value]) => each.row.dataset[name] === value));
      show(0);
    }

    function sort(column, direction) {
      headings.forEach((heading, index) => {
        heading.ariaSort = index !== column ? "none" : direction > 0 ? "ascending" : "descending";
      });
      // What has no value stands at the end, whichever way it goes.
      sorted = [...rows].sort((left, right) => {
        const [a, b] = [left.cells[column], right.cells[column]];
        return (a === "") - (b === "") || direction * collator.compare(a, b) || left.place - right.place;
      });
      filter();
    }

    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(column, heading.ariaSort === "ascending" ? -1 : 1));
      heading.ariaSort = "none";
      heading.replaceChildren(button);
    });
    let waiting;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, WAIT_MS);
    });
    filters.forEach((each) => each.addEventListener("change", filter));
    pages.addEventListener("click", (event) => {
      const step = Number(event.target.dataset.step);
      if (!step) return;
      show(first + step * ROWS_OF_A_PAGE);
      table.scrollIntoView();
    });
    addEventListener("beforeprint", () => body.replaceChildren(...found.map((each) => each.row)));
    addEventListener("afterprint", () => show(first));
    section.querySelector(".tools").hidden = false;
    show(0);
  }

  letChooseHosts();  // while the table of hosts has all rows
  localise();
  document.querySelectorAll("main > section[id]").forEach(enhance);

  // One outcome is chosen for all tables: in any of them, or by a number that leads to the hosts behind it.
  const choices = [...document.querySelectorAll("select[data-filter=outcome]")];
  function chooseOutcome(outcome) {
    choices.filter((each) => each.value !== outcome).forEach((each) => {
      each.value = outcome;
      each.dispatchEvent(new Event("change"));
    });
  }
  choices.forEach((choice) => choice.addEventListener("change", () => chooseOutcome(choice.value)));
  document.querySelectorAll("a[data-outcome]").forEach((link) =>
    link.addEventListener("click", () => chooseOutcome(link.dataset.outcome)));

  // Somebody may read this long after it was written.
  const hours = (Date.now() - Date.parse(document.querySelector("meta[name=generated_at]").content)) / 3600e3;
  if (hours >= 1) {
    const relative = new Intl.RelativeTimeFormat("en");
    document.getElementById("age").textContent =
      `, ${hours < 48 ? relative.format(-Math.floor(hours), "hour") : relative.format(-Math.floor(hours / 24), "day")}`;
  }
  document.querySelectorAll(".timeline li").forEach((each) => {
    if (Date.parse(each.querySelector("time").dateTime) < Date.now()) {
      each.querySelector(".left").classList.add("passed");
    }
  });
})();
