"""A real browser against the test's own server."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.db import connections
from playwright.sync_api import Page, expect

from tests.browser.chromium import chromium, find

PASSWORD = "calm-and-quick-7"

# A busy machine may take many seconds for a page. A wait ends as soon as the page is there.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

GIVEN_UP = ("htmx:sendAbort", "htmx:afterRequest")
"""The console message for a request that a newer one replaces, as the live example does while the user types."""


@pytest.fixture
def visit(live_server, monkeypatch) -> Iterator[Callable[..., Page]]:
    """
    Return a function that returns a page of a new visitor.

    The test fails on any console error of our pages, except those that contain the text `expected`.
    """
    # Playwright runs an event loop in this thread, so Django would refuse the test's own queries.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    errors: list[str] = []

    def new_page(expected: str = GIVEN_UP[0]) -> Page:
        page = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=live_server.url).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                errors.append(f"{page.url}: {message.text}")
                if message.type == "error"
                and message.text not in GIVEN_UP
                and expected not in message.text
                and page.url.startswith(live_server.url)
                else None
            ),
        )
        return page

    if find() is None:
        pytest.skip("There is no Chromium, and Ubuntu has no package of it: put one on PATH.")
    with chromium() as browser:
        yield new_page
        # Connections opened while Playwright's event loop runs belong to it, and the database is about to be
        # recreated.
        connections.close_all()
    assert errors == []


@pytest.fixture
def signed_in(visit) -> Callable[..., Page]:
    """Return a function that signs in a staff user of a group and returns the page."""

    def sign_in(group: str, name: str = "fiona") -> Page:
        user = User.objects.create_user(
            name, password=PASSWORD, is_staff=True, first_name=name.title(), last_name="Ash"
        )
        user.groups.add(Group.objects.get(name=group))
        page = visit()
        page.goto("/admin/")
        page.fill("#id_login", name)
        page.fill("#id_password", PASSWORD)
        page.click("button[type=submit]")
        return page

    return sign_in
