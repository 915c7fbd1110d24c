"""
The API's documentation shows every operation in a real browser, loads from this server only and obeys its policy.
"""

from collections.abc import Callable, Iterator

import pytest
from django.db import connections
from drf_spectacular.generators import SchemaGenerator
from playwright.sync_api import Page, expect

from tests.browser.chromium import chromium, find

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find() is None, reason="no chromium here: apt-get install chromium"),
]

PATIENCE_MILLISECONDS = 60_000


@pytest.fixture
def visit(live_server, monkeypatch) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens a page of this server; the test fails on any console error."""
    # Playwright runs an event loop in this thread, so Django would refuse the test's own queries.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page(
            viewport={"width": 1280, "height": 20_000}
        )  # content below the viewport is not rendered
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))

        def go(address: str) -> Page:
            page.goto(f"{live_server.url}{address}")
            return page

        yield go
        connections.close_all()
    assert complaints == []


def test_the_reference_shows_every_operation(visit):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    expected = {
        f"operations-{operation['tags'][0]}-{operation['operationId']}"
        for item in schema["paths"].values()
        for operation in item.values()
    }
    operation_blocks = visit("/api/docs/").locator(".opblock")
    expect(operation_blocks).to_have_count(len(expected), timeout=PATIENCE_MILLISECONDS)
    assert set(operation_blocks.evaluate_all("blocks => blocks.map(one => one.id)")) == expected


def test_the_page_of_a_problem_has_its_style(visit):
    expect(visit("/problems/invalid-fields").locator("code", has_text="errors").first).to_be_visible()
