"""
Take the README's screenshots from a running server.

    python -m tests.browser.screenshots http://127.0.0.1:8000 USER PASSWORD

Pages are reached by clicking, so ids of customers and plans don't matter.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.chromium import chromium

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1400, 900
COLORS = 256


def dashboard(page: Page) -> None:
    page.goto("/admin/")
    page.locator(".staff-chart").first.wait_for()


def customer(page: Page) -> None:
    """The latest customer that has a chart."""
    page.goto("/admin/customers/customer/")
    links = page.locator("#result_list tbody th a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    for link in links:
        page.goto(link)
        if page.locator(".staff-chart").count() > 1:
            return
    raise SystemExit("No customer on the first page of the list has usage in a chart.")


def plan_version(page: Page) -> None:
    """A tiered price with its live example, of a draft, so that the grid has inputs."""
    page.goto("/admin/plans/planversion/")
    links = page.locator("#result_list tbody th a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    for link in links:
        page.goto(link)
        tiered = page.locator(".price-link", has_text="tiers").first
        if tiered.count():
            page.goto(tiered.get_attribute("href") or "")
            page.locator(".example-of").first.wait_for()
            return
    raise SystemExit("No plan version on the first page of the list has a price in tiers.")


def links_of_list(page: Page) -> list[str]:
    rows = page.locator("#result_list tbody th a")
    links: list[str] = rows.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return links


PICTURES: dict[str, Callable[[Page], None]] = {
    "dashboard.png": dashboard,
    "customer.png": customer,
    "plan-version.png": plan_version,
}


def take(url: str, user: str, password: str) -> None:
    """Sign in and save every screenshot with a reduced palette."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, base_url=url).new_page()
        page.goto("/admin/")
        page.fill("#id_username", user)
        page.fill("#id_password", password)
        page.click("button[type=submit]")
        for name, go in PICTURES.items():
            go(page)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=FOLDER / name)
            Image.open(FOLDER / name).convert("RGB").quantize(COLORS).save(FOLDER / name, optimize=True)
            print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size // 1024} KiB")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    take(*sys.argv[1:])
