"""Counts the clicks of a visitor, by mouse or finger, as the browser sees them; the keyboard is free."""

from playwright.sync_api import Page

_SCRIPT = """
addEventListener("pointerdown", event => { if (event.isTrusted) window.countClick(event.target.localName) }, true);
"""


class ClickCounter:
    """
    The clicks on a page from its next navigation on. A choice from a list counts as one.

    clicked: the elements, for the message of a failure.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicked: list[str] = []
        page.expose_function("countClick", lambda element: self.clicked.append(element))  # noqa: PLW0108, needs an attribute
        page.add_init_script(_SCRIPT)

    def choose(self, selector: str, label: str) -> None:
        """Choose from a list; Playwright chooses without a click, a visitor needs one."""
        self.clicked.append("select")
        self.page.select_option(selector, label=label)

    def __len__(self) -> int:
        return len(self.clicked)
