"""What usage may come to in a period, for all of it or a feature, is set by either side and told with the usage."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.capping import CapRefused, remove_cap
from billing.models import SpendCap
from billing.usage.current import current_usage
from tests.builders import (
    JAN,
    cap,
    make_customer,
    make_feature,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

D = Decimal
NOW = JAN + timedelta(days=10)


@pytest.fixture
def acme():
    offers = [offer("calls", rates=[rate("0.05")]), offer("mails", rates=[rate("1")])]
    return subscribe(make_customer("acme"), publish(make_plan(offers=offers)))


def told():
    (period,) = current_usage(customer="acme", sandbox=False, at=NOW)
    return [(one.cap.feature_id, one.cap.set_by, one.cap.amount, one.spent, one.remaining) for one in period.caps]


def test_each_cap_is_told_with_what_is_spent_and_remains(acme):
    calls = cap(acme, 4, feature="calls", at=NOW)
    cap(acme, 100, at=NOW, set_by="customer")
    cap(acme, 200, at=NOW)
    use(acme, "calls", 100)
    use(acme, "mails", 30)
    assert told() == [
        (None, "finance", D(200), D("35.00"), D("165.00")),
        (None, "customer", D(100), D("35.00"), D("65.00")),
        (calls.feature_id, "finance", D(4), D("5.00"), D(0)),
    ]


def test_caps_cost_no_query_of_their_own(acme):
    with CaptureQueriesContext(connection) as without:
        told()
    cap(acme, 4, feature="calls", at=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert told()
    assert len(captured) == len(without)


def test_setting_it_again_replaces_it_and_removing_it_ends_it(acme):
    first = cap(acme, 4, at=NOW)
    again = cap(acme, 5, at=NOW, action="throttle", per_minute=60)
    assert (first.pk, again.per_minute) == (again.pk, 60)
    remove_cap(cap=again, at=NOW)
    assert told() == []


REFUSED = [
    # amount    more                                    field          words
    ("-1",      {},                                     "amount",      "no amount that could be invoiced"),
    ("0.001",   {},                                     "amount",      "no amount that could be invoiced in USD"),
    ("1",       {"action": "throttle"},                 "per_minute",  "how many uses a minute"),
    ("1",       {"per_minute": 5},                      "per_minute",  "leave it out"),
    ("101",     {"set_by": "customer"},                 "amount",      "Finance allows 100"),
    ("1",       {"feature": "support"},                 "feature",     "is not metered"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "more", "field", "words"), REFUSED)
def test_what_cannot_be_a_cap_is_refused(acme, amount, more, field, words):
    make_feature("support", kind="boolean")
    cap(acme, 100, at=NOW)
    with pytest.raises(CapRefused, match=words) as refused:
        cap(acme, amount, at=NOW, **more)
    assert refused.value.field == field
    assert SpendCap.objects.get().amount == 100


def test_finance_goes_no_lower_than_what_the_customer_has_set(acme):
    cap(acme, 50, at=NOW, set_by="customer")
    with pytest.raises(CapRefused, match="own cap is 50"):
        cap(acme, 40, at=NOW)
