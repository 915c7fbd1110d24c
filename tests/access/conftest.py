import logging

import pytest
import time_machine

from customers.api_keys import anonymous_throttle
from lib.api.throttles import Buckets
from tests.access.route_requests import draw_only_refusals
from tests.access.world import NOW, make_world, sessions_cost_nothing


@pytest.fixture(scope="module")
def world(shared_transaction):
    """Make the world once for all tests of a module."""
    make_world()


@pytest.fixture
def asked(world, db, monkeypatch):
    """Let a test ask a great deal, at one moment: without counting strangers, and without drawing pages."""
    monkeypatch.setattr(anonymous_throttle, "_buckets", Buckets(quota=10**6, seconds=60))
    sessions_cost_nothing(monkeypatch)
    draw_only_refusals(monkeypatch)
    logging.disable(logging.CRITICAL)  # each refusal would be told with a traceback
    with time_machine.travel(NOW, tick=False):
        yield
    logging.disable(logging.NOTSET)
