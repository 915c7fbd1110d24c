"""Every display of usage costs calls one function: if it fails, all fail; if it changes, all change."""

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
    """Return the net amount of the closed period's invoice."""
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
    """At the end of the period the projection has all usage."""
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
    """Add a dollar to every line."""
    honest = rating._rate_line

    def overcharge(*args, **kwargs):
        line = honest(*args, **kwargs)
        return replace(line, amount=line.amount + 1)

    monkeypatch.setattr(rating, "_rate_line", overcharge)


@pytest.mark.parametrize("cost_of", COSTS)
def test_everything_agrees_on_what_300_calls_cost(cost_of, subscription):
    use(subscription, "calls", 300)
    assert cost_of(subscription) == D("10.00")


@pytest.mark.parametrize("cost_of", COSTS)
def test_a_change_of_the_function_changes_every_result(cost_of, subscription, monkeypatch):
    use(subscription, "calls", 300)
    dearer(monkeypatch)
    assert cost_of(subscription) == D("11.00")


@pytest.mark.parametrize("cost_of", COSTS)
def test_every_result_needs_the_function(cost_of, subscription, monkeypatch):
    use(subscription, "calls", 300)
    broken(monkeypatch)
    with pytest.raises(RuntimeError, match="the rating function is broken"):
        cost_of(subscription)


def test_checks_need_the_function(subscription, monkeypatch):
    use(subscription, "messages", 300)
    arguments = {"customer": "acme", "feature": "messages", "quantity": D(1), "sandbox": False, "at": NOW}
    assert check(**arguments).remaining == 200
    broken(monkeypatch)
    with pytest.raises(RuntimeError, match="the rating function is broken"):
        check(**arguments)


def test_the_audit_compares_with_the_function(subscription, monkeypatch):
    use(subscription, "calls", 300)
    close_due(at=LATER)
    assert not [
        check_result
        for check_result in audit(only=["usage_lines_have_the_same_amount_when_rated_again"])
        if check_result.is_violated
    ]
    dearer(monkeypatch)
    assert [
        check_result
        for check_result in audit(only=["usage_lines_have_the_same_amount_when_rated_again"])
        if check_result.is_violated
    ]
