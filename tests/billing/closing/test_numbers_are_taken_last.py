"""Numbers are assigned after all slow work, so a worker writing lines does not block others of the same seller."""

import pytest

from billing.closing import close_period, invoice_writer
from invoices.models import Invoice
from tests.builders import FEB, make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.races import Pause, start

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_close_that_writes_its_lines_does_not_block_another_from_its_number(monkeypatch):
    version = publish(make_plan(offers=[offer("api.calls", rates=[rate("0.05")])]))
    slow, fast = (subscribe(make_customer(), version) for _ in range(2))
    for subscription in (slow, fast):
        use(subscription, "api.calls", 100)
    pause = Pause.before(monkeypatch, invoice_writer, "copy_rows")
    first = start(lambda: close_period(period_id=slow.periods.get().pk, at=FEB))
    pause.await_arrival()

    second = start(lambda: close_period(period_id=fast.periods.get(kind="regular", starts_at__lt=FEB).pk, at=FEB))
    issued_meanwhile = second.result()
    pause.release()

    assert issued_meanwhile.sequence == 1
    assert first.result().sequence == 2
    assert list(Invoice.objects.order_by("sequence").values_list("customer", flat=True)) == [
        fast.customer_id,
        slow.customer_id,
    ]
