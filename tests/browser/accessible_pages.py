"""The check of pages by axe, in both themes and on both sizes of screen."""

from collections.abc import Iterable

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page

from tests.browser.admin_addresses import admin_pages
from tests.browser.chromium import chromium
from tests.browser.served_pages import HOST, serve

PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
SERIOUS = ("serious", "critical")
CONTRAST_ONLY = {"runOnly": ["color-contrast"]}


def find_problems_of_admin(*, part: int, parts: int) -> tuple[int, list[str]]:
    """Return how many pages a part of the back office has, and the problems of all."""
    client = Client()
    client.force_login(User.objects.get(username="root"))
    addresses = list(admin_pages(client, part=part, parts=parts))
    with chromium() as browser:
        page = browser.new_context(viewport=LAPTOP, bypass_csp=True).new_page()
        serve(page, client)
        return len(addresses), list(_problems(page, addresses))


def _problems(page: Page, addresses: Iterable[str]) -> Iterable[str]:
    for address in addresses:
        page.set_viewport_size(LAPTOP)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(HOST + address, wait_until="load")
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        yield from _violations(page, address, {})
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        yield from _violations(page, f"{address} in the dark", CONTRAST_ONLY)
        page.set_viewport_size(PHONE)
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if page.evaluate(width) > 0:
            yield f"{address} is too wide for a phone"


def _violations(page: Page, address: str, options: dict[str, object]) -> Iterable[str]:
    for violation in Axe().run(page, options=options).response["violations"]:
        if violation["impact"] in SERIOUS:
            yield f"{address}: {violation['id']} {[node['target'] for node in violation['nodes']][:3]}"
