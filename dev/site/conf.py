# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes the documentation site (see dev/docs.py, which calls it).

The pages are README.md, CONTRIBUTING.md and docs/*.md as GitHub shows them, in the same places, so that their links
lead to each other here, too. Other files are linked on GitHub.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx

from dev import tree

GALAXY = yaml.safe_load((tree.ROOT / "galaxy.yml").read_text(encoding="utf-8"))
WEB = f"{GALAXY['repository']}/blob/main/"
CORE = "https://docs.ansible.com/ansible/latest/"
# Labels of Ansible's own documentation that the pages of antsibull-docs refer to. Its inventory is not at hand offline.
CORE_LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "callback_plugins": "plugins/callback.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")

project = GALAXY["namespace"] + "." + GALAXY["name"]
release = GALAXY["version"]
project_copyright = f"{project} contributors, GPL-3.0-or-later"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
root_doc = "index"
nitpicky = True
# The site has no page for what ansible-core itself reads; the connection plugin has it from core's documentation.
nitpick_ignore = [("envvar", "ANSIBLE_PIPELINING")]

# The anchors of headings are those of GitHub.
myst_heading_anchors = 4

html_theme = "sphinx_rtd_theme"
html_theme_options = {"collapse_navigation": False, "navigation_depth": 4, "style_external_links": True}
html_title = f"{project} {release}"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
pygments_style = "friendly"


def link_between_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """Point the links of a page at pages and pictures of the site, and all others at GitHub."""
    if page.startswith("reference/"):
        return

    def place(found: re.Match[str]) -> str:
        target = found[0]
        if re.match(r"[a-z]+:|#", target) and not target.startswith(WEB):
            return target
        folder = posixpath.dirname(page)
        path, hash_sign, anchor = target.partition("#")
        path = path.removeprefix(WEB) if path.startswith(WEB) else posixpath.normpath(posixpath.join(folder, path))
        if posixpath.splitext(path)[0] in app.env.found_docs or path.startswith("docs/images/"):
            return posixpath.relpath(path, folder) + hash_sign + anchor
        return WEB + path + hash_sign + anchor

    source[0] = LINK.sub(place, source[0])
    if page == "README":  # its title is that of the whole site
        source[0] = source[0].replace(f"# {project}\n", "# First steps\n", 1)


def link_to_core(_app: Sphinx, _environment: Any, reference: Any, text: nodes.Node) -> nodes.Node | None:
    """Resolve a reference to Ansible's own documentation; one that is not in the table stays a warning."""
    target = reference["reftarget"]
    place = CORE_LABELS.get(target)
    return nodes.reference("", "", text, internal=False, refuri=CORE + place) if place else None


def setup(app: Sphinx) -> None:
    app.connect("source-read", link_between_pages)
    app.connect("include-read", lambda _app, _path, page, source: link_between_pages(app, page, source))
    app.connect("missing-reference", link_to_core)
