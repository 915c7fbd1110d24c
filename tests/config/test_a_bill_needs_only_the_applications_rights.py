"""From a catalog to a bill, its payment, a locked month and an erasure with the rights of the application alone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from billing.closing import close_due
from billing.privacy.erasure import erase
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from lib import sql
from tests.api.calls import Caller
from tests.billing.revenue.frozen_months import freeze_metrics
from tests.builders import FEB, fee, make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.owner_rights import as_application

pytestmark = pytest.mark.django_db

LATER = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_bill_is_made_paid_and_its_month_is_locked():
    ann = User.objects.create_user("ann", password="calm-and-quick-7")
    with as_application():
        offers = [offer("api.calls", rates=[rate("0.05")])]
        customer = make_customer("acme")
        subscription = subscribe(customer, publish(make_plan(fees=[fee("5")], offers=offers)))
        event = {"id": "e1", "customer": "acme", "event": "calls", "timestamp": "2026-03-09T00:00:00Z"}
        assert Caller(scopes=["ingest"]).post("/events", event).status_code == 200
        use(subscription, "api.calls", 100)
        close_due(at=FEB + timedelta(days=5))
        invoice = Invoice.objects.get(lines__plan_feature__feature__code="api.calls")
        record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="1", at=LATER, by=ann)
        lock = freeze_metrics(date(2026, 1, 1), at=LATER)
    assert lock.frozen_at is not None
    assert sql.fetch_column("SELECT to_regclass('billing_posting_2026_01') IS NOT NULL") == [True]


def test_a_customer_is_erased():
    with as_application():
        customer = make_customer("acme", legal_name="Acme Inc.")
        erase(customer_id=customer.pk, at=LATER)
    customer.refresh_from_db()
    assert customer.legal_name != "Acme Inc."
