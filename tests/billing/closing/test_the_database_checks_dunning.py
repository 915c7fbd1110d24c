"""Each constraint of dunned subscriptions, violated by raw SQL, is reported by its name."""

import pytest

from billing.models import DunnedSubscription
from invoices.models import DunningAct
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, JAN, fee, make_customer, make_plan, publish, subscribe
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db

AGAIN = """
INSERT INTO billing_dunnedsubscription (act_id, subscription_id, outcome, at)
SELECT act_id, {subscription}, '', at FROM billing_dunnedsubscription
"""
CASES = [
    ("subscription_is_dunned_once_by_an_act", AGAIN.format(subscription="subscription_id")),
    ("nobody_is_dunned_for_a_reason", AGAIN.format(subscription="NULL")),
]


@pytest.fixture(scope="module", autouse=True)
def dunned(shared_transaction: None) -> None:
    customer = make_customer()
    running = subscribe(customer, publish(make_plan(fees=[fee("10")]), JAN), JAN, at=JAN)
    act = DunningAct.objects.create(invoice=make_invoice(customer), days=3, action="pause", at=FEB)
    DunnedSubscription.objects.create(act=act, subscription=running, at=FEB)


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str) -> None:
    assert refused_by(statement) == name
