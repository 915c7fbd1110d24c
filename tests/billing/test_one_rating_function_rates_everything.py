"""Whatever says what usage costs asks one function: broken, it breaks all; changed, it changes them alike."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.audit import audit
from billing.closing import close_due, preview
from billing.limits.check import check
from billing.metering.usage.current_usage import current_usage
from invoices.models import Invoice
from plans.admin.prices.live_example import ExampleRate, examples
from plans.models import PlanFeature, Rate
from plans.pricing import rating
from tests.api.calls import Caller
from tests.builders import FEB, JAN, make_customer, make_plan, offer, publish, rate, subscribe, use

pytestmark = pytest.mark.django_db

D = Decimal
NOW = JAN + timedelta(days=15)
LATER = FEB + timedelta(days=1)


@pytest.fixture
def subscription():
    offers = [
        offer("calls", included=100, rates=[rate("0.05")]),
        offer("messages", included=500, consumption="hard_cap"),
    ]
    return subscribe(make_customer("acme"), publish(make_plan("pro", offers=offers)))


def invoice(subscription):
    """The close, to the document."""
    result = close_due(at=LATER)
    if result.failed:
        raise RuntimeError(result.failed[0].error)
    return Invoice.objects.get().net.amount


def upcoming(subscription):
    return preview(subscription=subscription, at=NOW).totals.net


def usage(subscription):
    (period,) = current_usage(customer="acme", sandbox=False, at=NOW)
    return period.cost


def forecast(subscription):
    """At the end of the period everything has been used that will be."""
    (period,) = current_usage(customer="acme", sandbox=False, at=FEB - timedelta(microseconds=1))
    return period.projected.quantize(D("0.01"))


def price_preview(subscription):
    arguments = {"feature": "calls", "currency": "USD", "quantities": [{"quantity": "300"}]}
    return D(Caller().post("/plans/pro/preview", arguments).json()["total"]["amount"])


def live_example(subscription):
    granted = PlanFeature.objects.select_related("feature__meter").get(feature__code="calls")
    (example,) = examples(granted, "USD", [ExampleRate(rate=Rate.objects.get(), tiers=(), quantities=(D(300),))])
    return D(example.amount.strip("$"))


COSTS = [invoice, upcoming, usage, forecast, price_preview, live_example]


def broken(monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("the rating function is broken")

    monkeypatch.setattr(rating, "_rate_line", refuse)


def dearer(monkeypatch):
    """Let every line come to a dollar more."""
    honest = rating._rate_line

    def overcharge(*args, **kwargs):
        line = honest(*args, **kwargs)
        return replace(line, amount=line.amount + 1)

    monkeypatch.setattr(rating, "_rate_line", overcharge)


@pytest.mark.parametrize("ask", COSTS)
def test_everything_agrees_on_what_300_calls_cost(ask, subscription):
    use(subscription, "calls", 300)
    assert ask(subscription) == D("10.00")


@pytest.mark.parametrize("ask", COSTS)
def test_what_it_says_is_what_everything_says(ask, subscription, monkeypatch):
    use(subscription, "calls", 300)
    dearer(monkeypatch)
    assert ask(subscription) == D("11.00")


@pytest.mark.parametrize("ask", COSTS)
def test_nothing_answers_without_it(ask, subscription, monkeypatch):
    use(subscription, "calls", 300)
    broken(monkeypatch)
    with pytest.raises(RuntimeError, match="the rating function is broken"):
        ask(subscription)


def test_no_check_answers_without_it(subscription, monkeypatch):
    use(subscription, "messages", 300)
    arguments = {"customer": "acme", "feature": "messages", "quantity": D(1), "sandbox": False, "at": NOW}
    assert check(**arguments).remaining == 200
    broken(monkeypatch)
    with pytest.raises(RuntimeError, match="the rating function is broken"):
        check(**arguments)


def test_no_audit_passes_what_it_would_rate_differently(subscription, monkeypatch):
    use(subscription, "calls", 300)
    close_due(at=LATER)
    assert not [one for one in audit(only=["usage_lines_are_rated_the_same_again"]) if one.is_violated]
    dearer(monkeypatch)
    assert [one for one in audit(only=["usage_lines_are_rated_the_same_again"]) if one.is_violated]
