"""A month stays locked while its recurring revenue is frozen."""

from datetime import UTC, date, datetime

import pytest
from django.db import transaction

from billing.revenue.metrics.frozen_months import freeze_recurring_revenue
from invoices.documents.locked_months import lock_month, unlock_month
from invoices.models import MonthLock
from tests.builders import make_seller
from tests.races import start

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_an_unlock_waits_until_the_month_is_frozen():
    lock = lock_month(seller=make_seller(), month=date(2026, 1, 1), checklist=[], note="", by=None, at=NOW)
    with transaction.atomic():
        freeze_recurring_revenue(lock=lock)
        unlocking = start(lambda: unlock_month(lock_id=lock.pk, reason="a mistake", by=None, at=NOW))
        unlocking.join(0.5)
        assert unlocking.is_alive(), "its rows would be of a month that is not locked"
    unlocking.result()
    assert MonthLock.objects.get().unlocked_at == NOW
