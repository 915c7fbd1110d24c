"""Customers become companies of a CRM, and subscriptions deals with their monthly value, each once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import SyncRecord, SyncTarget
from billing.revenue.adapters import change_search
from billing.revenue.adapters.change_search import queue_changes
from billing.revenue.adapters.push_run import push_due
from billing.revenue.adapters.resend import resend
from billing.revenue.metrics.live_balances import LIVE_BALANCES, SUBSCRIPTION_VALUES, live_parameters
from billing.subscriptions import apply_coupon, apply_customer_coupon
from customers.models import Customer
from lib import sql
from lib.queue import Deadline
from tests.billing.revenue.adapters.fake_targets import FINE, TOKEN, Trouble
from tests.billing.revenue.adapters.target_builders import hubspot_target, sync, sync_until_done
from tests.builders import FEB, JAN, fee, make_coupon, make_customer, make_plan, make_seller, publish, subscribe

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
AT = JAN + 3 * HOUR


def subscribed(name="acme", amount="49.00", **fields):
    version = publish(make_plan(f"plan-{name}", fees=[fee(amount)]))
    return subscribe(make_customer(name, **fields), version, at=JAN)


def test_a_customer_becomes_a_company_and_its_subscription_a_deal(hubspot):
    subscription = subscribed(legal_name="Acme Inc.", country="DE", city="Berlin")
    hubspot_target(hubspot)
    sync_until_done(AT)
    company = hubspot.named("companies")[str(subscription.customer_id)]
    assert company["name"] == "Acme Inc."
    assert (company["country"], company["city"], company["tollbook_customer"]) == ("DE", "Berlin", "acme")
    deal = hubspot.named("deals")[str(subscription.pk)]
    assert (deal["amount"], deal["deal_currency_code"], deal["dealstage"]) == ("49", "USD", "closedwon")
    (deal_id,), (company_id,) = hubspot.objects["deals"], hubspot.objects["companies"]
    assert hubspot.associations == {deal_id: company_id}
    assert SyncRecord.objects.get(kind="deal").remote_id == deal_id


def test_only_changes_are_sent(hubspot):
    subscription = subscribed()
    hubspot_target(hubspot)
    at = sync_until_done(AT)
    count = len(hubspot.requests)
    for hours in (1, 2):
        assert sync(at + hours * HOUR).synced == 0
    assert len(hubspot.requests) == count
    Customer.objects.filter(pk=subscription.customer_id).update(legal_name="Renamed")
    # The search ends with an empty batch, and the next run begins again at the first row.
    sync_until_done(at + 3 * HOUR)
    assert {row["name"] for row in hubspot.named("companies").values()} == {"Renamed"}
    (deal,) = hubspot.named("deals").values()
    assert deal["dealname"].startswith("Renamed: ")


def test_sandbox_customers_and_those_of_other_sellers_are_not_sent(hubspot):
    subscribed("sandbox", sandbox=True)
    subscribed("other", seller=make_seller("other"))
    hubspot_target(hubspot)
    sync_until_done(AT)
    assert hubspot.requests == []


def test_a_lost_answer_makes_no_duplicate(hubspot):
    subscribed()
    hubspot_target(hubspot)
    hubspot.troubles = [FINE, Trouble(status=502, is_done_first=True)]
    assert sync(AT).failed == 1
    record = SyncRecord.objects.get(kind="company")
    assert (record.state, record.remote_id, record.attempts) == ("failed", "", 1)
    sync_until_done(AT + HOUR)
    assert len(hubspot.named("companies")) == 1
    assert [request[0] for request in hubspot.requests].count("POST") == 2  # one company, one deal


def test_a_cut_answer_is_unclear_and_looked_up(hubspot):
    make_customer("acme")
    hubspot_target(hubspot)
    hubspot.troubles = [FINE, Trouble(is_cut=True)]
    sync_until_done(AT)
    assert len(hubspot.named("companies")) == 1
    assert [entry["state"] for entry in SyncRecord.objects.get().log] == ["failed", "synced"]


def test_a_late_answer_makes_no_duplicate(hubspot, monkeypatch):
    monkeypatch.setattr("customers.notifications.http_client.SECONDS", 0.3)
    make_customer("acme")
    target = hubspot_target(hubspot)
    hubspot.troubles = [FINE, Trouble(delay=1)]
    assert sync(AT).failed == 1
    target.refresh_from_db()
    assert target.paused_until == AT + timedelta(seconds=30)
    sync_until_done(AT + HOUR)
    assert len(hubspot.named("companies")) == 1
    target.refresh_from_db()
    assert (target.paused_until, target.error) == (None, "")


def test_a_rate_limit_pauses_the_target_and_counts_for_no_record(hubspot):
    make_customer("acme")
    make_customer("globex")
    target = hubspot_target(hubspot)
    hubspot.troubles = [Trouble(status=429, body={"message": "Slow down."}, headers={"Retry-After": "90"})]
    assert sync(AT).postponed == 1
    assert len(hubspot.requests) == 1  # the second record was not tried
    target.refresh_from_db()
    assert (target.paused_until, target.error) == (AT + timedelta(seconds=90), "429: Slow down.")
    assert set(SyncRecord.objects.values_list("attempts", flat=True)) == {0}
    sync(AT + timedelta(seconds=89))
    assert len(hubspot.requests) == 1
    assert sync(AT + timedelta(seconds=90)).synced == 2


def test_rejected_credentials_pause_the_target(hubspot):
    make_customer("acme")
    target = hubspot_target(hubspot)
    hubspot.token = "another"
    sync(AT)
    target.refresh_from_db()
    assert target.error == "401: Authentication credentials not found."
    hubspot.token = TOKEN
    sync_until_done(AT + HOUR)


def test_a_refusal_is_shown_and_not_repeated_until_the_content_changes(hubspot):
    customer = make_customer("acme")
    hubspot_target(hubspot)
    hubspot.troubles = [FINE, Trouble(status=400, body={"message": "Property zip is too long."})]
    assert sync(AT).refused == 1
    record = SyncRecord.objects.get()
    assert (record.state, record.error, record.next_at) == ("refused", "400: Property zip is too long.", None)
    for hours in (1, 2):
        sync(AT + hours * HOUR)
    assert len(hubspot.requests) == 2
    Customer.objects.filter(pk=customer.pk).update(postal_code="10115")
    sync_until_done(AT + 3 * HOUR)
    assert hubspot.named("companies")[str(customer.pk)]["zip"] == "10115"


def test_a_refused_record_is_sent_again_on_request(hubspot):
    make_customer("acme")
    hubspot_target(hubspot)
    hubspot.troubles = [FINE, Trouble(status=400, body="nonsense")]
    sync(AT)
    record = SyncRecord.objects.get()
    assert record.error == "400: nonsense"
    assert resend(record_ids=[record.pk], at=AT + HOUR) == 1
    assert push_due(at=AT + HOUR).synced == 1
    record.refresh_from_db()
    assert [entry["state"] for entry in record.log] == ["refused", "synced"]


def test_a_company_deleted_in_the_crm_is_created_again(hubspot):
    subscription = subscribed()
    hubspot_target(hubspot)
    at = sync_until_done(AT)
    hubspot.objects["companies"].clear()
    Customer.objects.filter(pk=subscription.customer_id).update(legal_name="Renamed")
    sync_until_done(at + HOUR)
    sync_until_done(at + 9 * HOUR)
    (company_id,) = hubspot.objects["companies"]
    assert list(hubspot.associations.values()) == [company_id]


def test_each_worker_sends_records_of_its_own(hubspot):
    """A record that a worker has leased is another one's only when the lease ends."""
    make_customer("acme")
    hubspot_target(hubspot)
    queue_changes(at=AT)
    SyncRecord.objects.update(
        next_at=AT + timedelta(seconds=180), leased_until=AT + timedelta(seconds=180), attempts=1
    )
    assert push_due(at=AT + timedelta(seconds=60)).synced == 0
    assert resend(record_ids=SyncRecord.objects.values_list("pk", flat=True), at=AT + timedelta(seconds=60)) == 0
    assert push_due(at=AT + timedelta(seconds=180)).synced == 1


def test_any_sequence_of_failures_converges(hubspot):
    subscriptions = [subscribed(f"customer-{number}") for number in range(4)]
    hubspot_target(hubspot)
    troubles = [
        *(FINE, Trouble(status=503), Trouble(status=500, is_done_first=True), Trouble(is_cut=True)),
        *(Trouble(status=429, headers={"Retry-After": "5"}), FINE, Trouble(status=408), FINE, FINE),
    ]
    hubspot.rule = lambda method, path, place: troubles[place % len(troubles)] if place < 90 else FINE
    at = sync_until_done(AT)
    sync_until_done(at + HOUR)
    assert set(hubspot.named("companies")) == {str(subscription.customer_id) for subscription in subscriptions}
    assert set(hubspot.named("deals")) == {str(subscription.pk) for subscription in subscriptions}
    assert len(hubspot.associations) == 4


def test_a_search_continues_where_its_run_ended(hubspot, monkeypatch):
    monkeypatch.setattr(change_search, "BATCH", 1)
    for name in ("acme", "globex", "initech"):
        make_customer(name)
    target = hubspot_target(hubspot)

    class TwoSteps(Deadline):
        steps = 2

        def has_time(self):
            self.steps -= 1
            return self.steps >= 0

    assert queue_changes(at=AT, deadline=TwoSteps(60)) == 2
    target.refresh_from_db()
    assert target.read_up_to == SyncRecord.objects.order_by("row_id").last().row_id
    assert queue_changes(at=AT, deadline=TwoSteps(60)) == 1
    assert SyncTarget.objects.get().read_up_to == 0


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(hubspot, django_assert_max_num_queries):
    hubspot_target(hubspot)
    for number in range(12):
        subscribed(f"customer-{number}")
    with django_assert_max_num_queries(24):
        assert queue_changes(at=AT) == 24


def test_values_of_subscriptions_add_up_to_the_mrr():
    seller = make_seller()
    first, second = subscribed("acme", "100"), subscribed("globex", "50")
    third = subscribe(first.customer, publish(make_plan("addon", fees=[fee("20")])), at=JAN)
    apply_coupon(subscription=second, coupon=make_coupon("TEN", percent=10, duration="forever"), at=JAN)
    apply_customer_coupon(customer=first.customer, coupon=make_coupon("HALF", percent=50, duration="forever"), at=JAN)
    values = dict(sql.fetch_rows(SUBSCRIPTION_VALUES, live_parameters(seller, [FEB])))
    assert values == {first.pk: Decimal(50), second.pk: Decimal(45), third.pk: Decimal(10)}
    balances = sql.fetch_rows(LIVE_BALANCES, live_parameters(seller, [FEB]))
    assert {row[0]: row[4] for row in balances} == {first.customer_id: Decimal(60), second.customer_id: Decimal(45)}
