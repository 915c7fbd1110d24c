"""Every relative link of every documentation page refers to an existing file."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("README.md", "docs/**/*.md", "demo/data/*.md", "clients/*/README.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_refers_to_a_file(page):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target and not target.startswith(("mailto:", "/"))]
    assert [target for target in local if not (page.parent / target).exists()] == []
