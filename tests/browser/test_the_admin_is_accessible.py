"""axe finds nothing serious on any page of the back office, in both themes, and none is too wide for a phone."""

import logging

import pytest

from tests.access.conftest import all_rows  # noqa: F401 - a fixture
from tests.browser.accessible_pages import find_problems_of_admin
from tests.browser.chromium import find

PARTS = 8
"""All pages take ten minutes: every change is tried on an eighth of them, of all kinds, the rest by `make prove`."""


@pytest.mark.slow
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, PARTS))])
def test_every_page_of_the_back_office(part, all_rows, db, monkeypatch, settings):  # noqa: F811
    if find() is None:
        pytest.skip("There is no Chromium, and Ubuntu has no package of it: put one on PATH.")
    # Playwright runs an event loop in this thread, so Django would refuse the test's own queries.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "1000000/60s")
    logging.disable(logging.CRITICAL)
    try:
        pages, problems = find_problems_of_admin(part=part, parts=PARTS)
    finally:
        logging.disable(logging.NOTSET)
    assert pages > 30
    assert problems == []
