"""Finance or the customer caps spend per period, in total or by feature, and current usage reports each cap."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.limits.spend_caps import CapRefused, remove_cap, set_cap
from billing.metering.usage.current_usage import current_usage
from billing.models import SpendCap
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    JAN,
    cap,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

D = Decimal
NOW = JAN + timedelta(days=10)


@pytest.fixture
def acme():
    offers = [offer("calls", rates=[rate("0.05")]), offer("mails", rates=[rate("1")])]
    return subscribe(make_customer("acme"), publish(make_plan(offers=offers)))


def reported_caps():
    (period,) = current_usage(customer="acme", sandbox=False, at=NOW)
    return [(cap.cap.feature_id, cap.cap.set_by, cap.cap.amount, cap.spent, cap.remaining) for cap in period.caps]


def test_each_cap_is_reported_with_its_spent_and_remaining_amount(acme):
    calls = cap(acme, 4, feature="calls", at=NOW)
    cap(acme, 100, at=NOW, set_by="customer")
    cap(acme, 200, at=NOW)
    use(acme, "calls", 100)
    use(acme, "mails", 30)
    assert reported_caps() == [
        (None, "finance", D(200), D("35.00"), D("165.00")),
        (None, "customer", D(100), D("35.00"), D("65.00")),
        (calls.feature_id, "finance", D(4), D("5.00"), D(0)),
    ]


def test_caps_need_no_extra_query(acme):
    with CaptureQueriesContext(connection) as without:
        reported_caps()
    cap(acme, 4, feature="calls", at=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert reported_caps()
    assert len(captured) == len(without)


@pytest.fixture
def keyed():
    """Return two subscriptions of a customer whose calls have key and model as dimensions, at two rates."""
    meter = make_meter(
        "tokens", event_name="call", dimensions=["key", "model"], aggregation="sum", value_property="n"
    )
    feature = make_feature("tokens", meter=meter)
    rates = [rate("0.10"), rate("1", match={"model": "large"})]
    version = publish(make_plan("keyed", offers=[offer(feature, rates=rates, included=10)]))
    customer = make_customer("acme")
    first = subscribe(customer, version)
    mails = publish(make_plan("mails", offers=[offer("mails", rates=[rate("1")])]))
    return first, subscribe(customer, mails)


def send_call(key, n, *, model="small"):
    send({"id": f"{key}-{n}-{model}", "customer": "acme", "event": "call", "timestamp": NOW.isoformat(),
          "properties": {"key": key, "model": model, "n": n}}, at=NOW)  # fmt: skip


def test_a_cap_on_a_dimension_value_counts_its_share_of_each_rate(keyed):
    first, _ = keyed
    key_cap = set_cap(subscription=first, match={"key": "k1"}, amount=D(50), at=NOW)
    send_call("k1", 20)
    send_call("k2", 30)
    send_call("k1", 3, model="large")

    (period,) = [period_ for period_ in current_usage(customer="acme", sandbox=False, at=NOW) if period_.caps]
    (cap,) = period.caps

    # 50 at 0.10, of which 10 are free: 4.00, of which 20 of 50 are k1's; and 3 at 1.
    assert (cap.cap.id, cap.spent, cap.remaining) == (key_cap.pk, D("4.60"), D("45.40"))


@pytest.mark.parametrize("row", rows("limits.md", "A budget for one value"), ids=str)
def test_a_dimension_value_spends_as_documented(row):
    meter = make_meter("tokens", event_name="call", dimensions=["key"], aggregation="sum", value_property="n")
    offers = [offer(make_feature("tokens", meter=meter), rates=[rate("0.10")], included=100)]
    acme = subscribe(make_customer("acme"), publish(make_plan("keyed", offers=offers)))
    set_cap(subscription=acme, match={"key": "k1"}, amount=D(50), at=NOW)
    send_call("k1", int(row["used by k1"]))
    send_call("k2", int(row["used by k2"]))

    (period,) = current_usage(customer="acme", sandbox=False, at=NOW)

    assert (period.cost, period.caps[0].spent) == (D(row["amount of the rate"]), D(row["spent by k1"]))


def test_a_customers_cap_counts_all_subscriptions_together(keyed):
    first, second = keyed
    set_cap(customer=first.customer, amount=D(100), at=NOW)
    send_call("k1", 110)  # 100 of them at 0.10
    use(second, "mails", 30)

    for period in current_usage(customer="acme", sandbox=False, at=NOW):
        assert [(cap.cap.is_of_customer, cap.spent) for cap in period.caps] == [(True, D("40.00"))]


def test_a_customers_own_cap_stays_below_finances(keyed):
    first, _ = keyed
    scope = {"customer": first.customer, "match": {"key": "k1"}, "at": NOW}
    set_cap(**scope, amount=D(10))
    with pytest.raises(CapRefused, match="can’t exceed 10"):
        set_cap(**scope, amount=D(11), set_by="customer")


UNKNOWN = [
    ({"color": "red"}, "Usage has no dimension “color”. Choose one of these: key, model"),
    ({"key": ""}, "Enter a value of key"),
    ({"key": "a", "model": "b"}, "one dimension only"),
]


@pytest.mark.parametrize(("match", "words"), UNKNOWN)
def test_a_cap_needs_an_existing_dimension_and_value(keyed, match, words):
    with pytest.raises(CapRefused, match=words):
        set_cap(subscription=keyed[0], match=match, amount=D(1), at=NOW)


def test_setting_a_cap_again_replaces_it_and_removing_it_ends_it(acme):
    first = cap(acme, 4, at=NOW)
    replaced = cap(acme, 5, at=NOW, action="throttle", per_minute=60)
    assert (first.pk, replaced.per_minute) == (replaced.pk, 60)
    remove_cap(cap=replaced, at=NOW)
    assert reported_caps() == []


REFUSED = [
    # amount    more                                    field          words
    ("-1",      {},                                     "amount",      "can be invoiced"),
    ("0.001",   {},                                     "amount",      "can be invoiced in USD"),
    ("1",       {"action": "throttle"},                 "per_minute",  "how many requests a minute"),
    ("1",       {"per_minute": 5},                      "per_minute",  "Leave the field empty"),
    ("101",     {"set_by": "customer"},                 "amount",      "can’t exceed 100"),
    ("1",       {"feature": "support"},                 "feature",     "does not meter"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "more", "field", "words"), REFUSED)
def test_an_invalid_cap_is_rejected(acme, amount, more, field, words):
    make_feature("support", kind="boolean")
    cap(acme, 100, at=NOW)
    with pytest.raises(CapRefused, match=words) as refused:
        cap(acme, amount, at=NOW, **more)
    assert refused.value.field == field
    assert SpendCap.objects.get().amount == 100


def test_finances_cap_is_not_below_the_customers(acme):
    cap(acme, 50, at=NOW, set_by="customer")
    with pytest.raises(CapRefused, match="own cap is 50"):
        cap(acme, 40, at=NOW)
