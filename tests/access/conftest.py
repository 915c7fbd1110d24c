import logging

import pytest
import time_machine

from tests.access.actors import NOW, add_accounts, sessions_cost_nothing
from tests.access.route_requests import render_only_refusals


@pytest.fixture(scope="module")
def all_rows(full_books, shared_transaction):
    """Create the rows once for all tests of a module."""
    add_accounts()


@pytest.fixture
def fast_requests(all_rows, db, monkeypatch, settings):
    """
    Let a test send thousands of requests at one moment: without throttling anonymous ones and without rendering
    pages.
    """
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "1000000/60s")
    sessions_cost_nothing(monkeypatch)
    render_only_refusals(monkeypatch)
    logging.disable(logging.CRITICAL)  # each refusal would log a traceback
    with time_machine.travel(NOW, tick=False):
        yield
    logging.disable(logging.NOTSET)
