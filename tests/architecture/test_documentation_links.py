"""Every relative link of every documentation page refers to an existing file."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("README.md", "docs/**/*.md", "demo/data/*.md", "clients/*/README.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))


def test_every_relative_link_refers_to_a_file():
    assert len(PAGES) >= 70
    assert [f"{page.relative_to(ROOT)}: {link}" for page in PAGES for link in broken_links(page)] == []


def broken_links(page: Path) -> list[str]:
    """Return the targets of relative links on a page that don't exist."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target and not target.startswith(("mailto:", "/"))]
    return [target for target in local if not (page.parent / target).exists()]
