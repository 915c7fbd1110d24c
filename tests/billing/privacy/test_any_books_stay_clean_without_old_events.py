"""Whatever was used, corrected and billed: the books are clean before and after old events leave, and unchanged."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.closing import bill_late_usage, close_due
from billing.models import Event, EventRemoval, Period
from billing.privacy.event_removal import LEAST_DAYS_OF_EVENTS, remove_old_events
from billing.subscriptions import generate_periods
from invoices.models import Invoice, Line
from tests.billing.metering.corrections.correction_setup import (
    correct_all,
    correction_request,
    make_fully_metered_subscription,
    stored_usage,
)
from tests.billing.metering.corrections.test_any_history_equals_its_surviving_events import clear_caches, histories
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import FEB, JAN, MAR
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

APR = datetime(2026, 4, 1, tzinfo=JAN.tzinfo)
CHECKED = ("subscriptions", "usage", "invoices")


@pytest.fixture
def metered_subscription(db):
    make_fully_metered_subscription()


def books() -> list[object]:
    return [
        stored_usage(),
        *(list(model.objects.order_by("pk").values()) for model in (Invoice, Line)),
        list(Period.objects.order_by("pk").values("pk", "state", "invoice", "late_since")),
    ]


@settings(
    max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(histories(), st.sampled_from([FEB, MAR, APR]), st.booleans())
def test_the_audit_is_clean_and_nothing_else_changes(settings, metered_subscription, history, until, is_billed_early):
    steps, _ = history
    settings.EVENT_RETENTION_DAYS = LEAST_DAYS_OF_EVENTS
    with transaction.atomic():
        for number, (kind, batch) in enumerate(steps):
            if kind == "send":
                send(*batch)
            else:
                correct_all(*(correction_request(id_, replacement) for id_, replacement in batch))
            if is_billed_early and number == 0:
                assert close_due(at=NOW).failed == []
        generate_periods(until=APR)
        # The second close bills the late usage of the first.
        for at in (NOW, APR + timedelta(days=5)):
            assert close_due(at=at).failed == []
        bill_late_usage(at=APR + timedelta(days=5))
        assert_clean(*CHECKED)
        before, stored = books(), Event.objects.count()
        late = Period.objects.late().order_by("starts_at").values_list("starts_at", flat=True).first()
        old = Event.objects.filter(occurred_at__lt=min(until, late or until)).count()

        assert remove_old_events(at=until + timedelta(days=LEAST_DAYS_OF_EVENTS)).events == old

        assert Event.objects.count() == stored - old
        assert EventRemoval.objects.count() == (1 if old else 0)
        assert_clean(*CHECKED)
        assert books() == before
        transaction.set_rollback(True)
    clear_caches()
