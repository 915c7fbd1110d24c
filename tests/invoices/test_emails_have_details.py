"""Emails about invoices say what is due now, how to pay it, and what follows: docs/webhooks.md#facts-of-mails."""

from datetime import date

import pytest

from customers.notifications.email_preparation import EmailRequest
from invoices.documents.email_details import read_details
from invoices.models import DunningStep
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", legal_name="Acme GmbH"))


def details(invoice, kind, **facts):
    (found,) = read_details([EmailRequest(kind, "acme", {"invoice": invoice.pk, **facts})])
    return found


def test_the_amount_due_is_that_of_now(invoice):
    found = details(invoice, "invoice.issued")
    assert (found["due"], found["currency"]) == (format(invoice.due.normalize(), "f"), str(invoice.currency))


def test_an_email_about_something_else_needs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert read_details([EmailRequest("wallet.expired", "acme", {"wallet": 5})]) == [{}]


STEPS = [
    # days of the reminder   expected
    (3, {"reminder": "first"}),
    (10, {"reminder": "further"}),
    (17, {"reminder": "final", "next_action": "pause", "next_on": "21", "pay_by": "20"}),
]


@pytest.mark.parametrize(("days", "expected"), STEPS)
def test_the_last_reminder_before_a_pause_names_its_day(invoice, days, expected):
    for step_days, action in ((3, "remind"), (10, "remind"), (17, "remind"), (21, "pause"), (40, "cancel")):
        DunningStep.objects.create(seller=invoice.seller, days=step_days, action=action)
    found = details(invoice, "invoice.reminder", days=days)
    for name, value in expected.items():
        if name in ("next_on", "pay_by"):
            assert (date.fromisoformat(found[name]) - invoice.due_date).days == int(value)
        else:
            assert found[name] == value
    assert set(found) & {"reminder", "next_action", "next_on", "pay_by"} == set(expected)
