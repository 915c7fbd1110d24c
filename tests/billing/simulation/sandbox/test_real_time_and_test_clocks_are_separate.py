"""The tasks of real time process no customers on a test clock, and a test clock processes no others."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing import tasks as billing_tasks
from billing.limits.reservations import reserve
from billing.simulation.sandbox import advance_all
from billing.simulation.sandbox.due_work import REAL_TIME_TASKS, WORK_BY_TASK
from config.schedule import SCHEDULE
from customers.models import Customer
from invoices import tasks as invoice_tasks
from tests.builders import (
    JAN,
    fee,
    included,
    make_clock,
    make_customer,
    make_pack,
    make_plan,
    make_wallet,
    offer,
    publish,
    subscribe,
    use,
)
from wallets import tasks as wallet_tasks
from wallets.auto_topup import TopUpRuleRequest, set_rule
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)

OF_A_CUSTOMER = {
    "billing_subscription": "customer_id = {id}",
    "billing_period": "subscription_id IN (SELECT id FROM billing_subscription WHERE customer_id = {id})",
    "billing_reservation": "customer_id = {id}",
    "billing_alert": "customer_id = {id}",
    "billing_periodgrant": "subscription_id IN (SELECT id FROM billing_subscription WHERE customer_id = {id})",
    "wallets_wallet": "customer_id = {id}",
    "wallets_lot": "wallet_id IN (SELECT id FROM wallets_wallet WHERE customer_id = {id})",
    "wallets_topup": "wallet_id IN (SELECT id FROM wallets_wallet WHERE customer_id = {id})",
    "invoices_invoice": "customer_id = {id}",
}
TASKS = (
    billing_tasks.generate_periods,
    billing_tasks.run_rollouts,
    billing_tasks.grant_included_credits,
    billing_tasks.lapse_reservations,
    billing_tasks.close_due_periods,
    billing_tasks.bill_thresholds,
    billing_tasks.tax_voucher_usage,
    wallet_tasks.expire_lots,
    wallet_tasks.pay_invoices,
    invoice_tasks.mark_past_due,
    invoice_tasks.run_dunning,
    billing_tasks.apply_dunning_actions,
    invoice_tasks.collect_payments,
    invoice_tasks.submit_refunds,
    wallet_tasks.settle_purchases,
    wallet_tasks.top_up_wallets,
    billing_tasks.evaluate_alerts,
)


def test_every_task_either_runs_for_test_clocks_or_concerns_no_customer():
    tasks = {entry["task"] for entry in SCHEDULE.values()}

    assert set(WORK_BY_TASK) | set(REAL_TIME_TASKS) == tasks, "add the task to billing/simulation/sandbox/due_work.py"
    assert not set(WORK_BY_TASK) & set(REAL_TIME_TASKS)
    assert {task.name for task in TASKS} == set(WORK_BY_TASK), "let it run in this test"


def everything_due(customer: Customer) -> None:
    """Create due work for every task: all of it was due in January."""
    credits = [included(100, every="month")]
    offers = [offer("calls", included=10, consumption="hard_cap")]
    version = publish(make_plan(fees=[fee("31")], offers=offers, credits=credits, trial_days=3))
    subscription = subscribe(customer, version, JAN)
    use(subscription, "calls", 9)
    reserve(
        customer=customer.external_id,
        feature="calls",
        quantity=Decimal(1),
        reference="r",
        sandbox=customer.sandbox,
        at=JAN + timedelta(hours=1),
    )
    wallet = make_wallet(customer, name="Money", unit="USD", pays_invoices=True)
    lots = [Grant("promotional", Decimal(5), "gift", expires_at=JAN + DAY), Grant("promotional", Decimal(5), "more")]
    grant(wallet_id=wallet.pk, grants=lots, at=JAN)
    pack = make_pack(f"pack-{customer.pk}")
    packs = make_wallet(customer, name="Packs")
    set_rule(wallet_id=packs.pk, request=TopUpRuleRequest(pack.code, threshold=Decimal(50), payer="sandbox"), at=JAN)


def rows_of(customer: Customer) -> dict[str, list[str]]:
    rows_by_table = {}
    with connection.cursor() as cursor:
        for table, condition in OF_A_CUSTOMER.items():
            where = condition.format(id=customer.pk)
            cursor.execute(f"SELECT t::text FROM {table} t WHERE {where} ORDER BY 1")  # noqa: S608
            rows_by_table[table] = [row for (row,) in cursor.fetchall()]
    return rows_by_table


def test_tasks_of_real_time_skip_customers_of_a_test_clock():
    tried, plain = (
        make_customer("tried", sandbox=True, test_clock=make_clock(JAN)),
        make_customer("plain", sandbox=True),
    )
    for customer in (tried, plain):
        everything_due(customer)
    before = {customer: rows_of(customer) for customer in (tried, plain)}

    for task in TASKS:
        task()

    after = {customer: rows_of(customer) for customer in (tried, plain)}
    assert after[tried] == before[tried]
    unmoved = [table for table in OF_A_CUSTOMER if after[plain][table] == before[plain][table]]
    assert unmoved == [], "there was nothing to do, so this proves nothing"


def test_a_clock_skips_customers_in_real_time():
    clock, plain = make_clock(JAN), make_customer("plain", sandbox=True)
    everything_due(plain)
    everything_due(make_customer("tried", sandbox=True, test_clock=clock))
    before = rows_of(plain)

    assert advance_all() == 1

    assert rows_of(plain) == before
    assert Wallet.objects.get(customer__external_id="tried", name="Packs").balance > 50
