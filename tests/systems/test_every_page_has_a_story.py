"""Each page of docs/recipes is in the index and has a test, and each price list belongs to a page."""

import re
from pathlib import Path

from tests.docs_tables import DOCS, rows
from tests.systems.recipe import Recipe

FOLDER = DOCS / "recipes"
PAGES = {page.stem for page in FOLDER.glob("*.md")} - {"README"}


def test_every_page_is_in_the_index():
    linked = [re.findall(r"\((.+)\.md\)", row["page"])[0] for row in rows("recipes/README.md", "Offers")]
    assert sorted(linked) == sorted(PAGES)


def test_every_page_has_a_story():
    stories = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert set(re.findall(r'story\("([a-z-]+)"\)', stories)) == PAGES


def test_every_price_list_belongs_to_a_page():
    plans = {row["code"] for page in PAGES for row in Recipe(page).table("Plans")}
    assert {path.stem for path in FOLDER.glob("*.json")} == plans
