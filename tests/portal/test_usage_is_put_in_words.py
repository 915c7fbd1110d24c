"""Allowances, percentages, comparisons and labels on the portal's pages say what the figures mean."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.limits.spend_caps import set_cap
from billing.models import Alert, SpendCap
from billing.models.alerts import AlertKind
from billing.models.price_overrides import CapAction
from billing.portal.alert_text import TITLES
from billing.portal.date_ranges import Days
from billing.portal.limit_forms import ACTIONS, RULE_TITLES
from billing.portal.overview import show_feature
from billing.portal.plan import SHOWN, STATES
from billing.portal.plan_description import CREDITS_EVERY, FREQUENCIES, RENEWALS, describe_commitment
from billing.portal.query_params import running_of
from billing.portal.usage import percentages
from invoices.models.payment_attempts import AttemptState
from invoices.payments.pages import OUTCOMES
from invoices.portal.formats import PortalFigures, percent_of
from invoices.portal.invoice_list import STATE_LABELS, VISIBLE_STATES
from plans.models import CreditPack, Feature
from plans.models.included_credits import Every
from plans.models.prices import UsageIntervalUnit
from plans.models.versions import IntervalUnit
from plans.pricing.calendar import Interval
from plans.pricing.commitments import SpendCommitment
from tests.portal.accounts import DAY, TODAY, send
from wallets.models.ledger import Movement
from wallets.models.lots import LotKind
from wallets.models.topups import CeilingSpan
from wallets.portal.activity import MOVEMENTS
from wallets.portal.auto_topup import CEILINGS
from wallets.statements.description import GRANTS

FIGURES = PortalFigures(Locale("en", "US"), "USD", ZoneInfo("UTC"))

ALLOWANCES = [
    # used, terms                      summary, level
    ("120", {}, "120 of 300 requests included; 180 left", ""),
    ("290", {}, "290 of 300 requests included; 10 left", "high"),
    ("300", {}, "You have used all 300 included requests.", ""),
    ("301", {}, "You have used all 300 included requests; 1 more is billed.", ""),
    ("1245", {}, "You have used all 300 included requests; 945 more are billed.", ""),
    ("300.5", {}, "You have used all 300 included requests; 0.5 more are billed.", ""),
    ("302", {"price": None}, "You have used all 300 included requests; 2 more are free of charge.", ""),
    ("302", {"drawn": "2"}, "You have used all 300 included requests; 2 more are paid from your wallet.", ""),
    ("299", {"consumption": "hard_cap"}, "299 of at most 300 requests; 1 left", "high"),
    (
        "300",
        {"consumption": "hard_cap"},
        "The limit of 300 requests is reached. Further requests are declined.",
        "full",
    ),
    ("7", {"included": None}, "7 requests", ""),
]


@pytest.mark.parametrize(("used", "terms", "summary", "level"), ALLOWANCES)
def test_an_allowance_is_a_sentence(used, terms, summary, level):
    shown = show_feature(_feature(Decimal(used), **terms), "USD", FIGURES)
    assert (shown.summary, shown.level) == (summary, level)


def _feature(used: Decimal, *, drawn: str | None = None, **terms: Any) -> Any:
    included = terms.get("included", Decimal(300))
    defaults = {
        "code": "requests",
        "name": "Requests",
        "unit": "request",
        "consumption": "overage",
        "price": "a price",
    }
    return SimpleNamespace(
        terms=SimpleNamespace(
            **{**defaults, "included": included, "shared_included": included, "wallet": "USD", **terms}
        ),
        used=used,
        remaining=max(Decimal(0), (included or Decimal(0)) - used),
        cost=Decimal(0),
        drawn=None if drawn is None else Decimal(drawn),
    )


PERCENTAGES = [
    # quantities                   percentages, which sum to 100
    (("1", "1", "1"), ("33.4", "33.3", "33.3")),
    (("548", "452"), ("54.8", "45.2")),
    (("2", "1"), ("66.7", "33.3")),
    (("999", "1"), ("99.9", "0.1")),
    (("10", "-4"), ("100.0", "0.0")),
    (("0", "0"), ("0", "0")),
    ((), ()),
]


@pytest.mark.parametrize(("quantities", "expected"), PERCENTAGES)
def test_percentages_are_rounded_and_sum_to_100(quantities, expected):
    assert percentages([Decimal(quantity) for quantity in quantities]) == tuple(Decimal(share) for share in expected)


@pytest.mark.parametrize(
    ("part", "percent"), [("548", "54.8"), ("0.06", "0"), ("0.5", "0.1"), ("-3", "0"), ("2000", "100")]
)
def test_a_part_of_a_whole_is_rounded_to_one_place(part, percent):
    assert percent_of(Decimal(part), Decimal(1000)) == Decimal(percent)


@pytest.mark.parametrize(
    ("count", "last", "first_days"),
    [(10, date(2026, 2, 10), 10), (28, date(2026, 3, 3), 28), (1, date(2026, 2, 1), 1), (1, date(2026, 1, 1), 0)],
)
def test_days_are_cut(count, last, first_days):
    days = Days(date(2026, 2, 1), date(2026, 3, 1), ZoneInfo("UTC"))
    assert len(days.until_day(last).each()) == (0 if first_days == 0 else count)
    assert days.first_days(5).end == date(2026, 2, 6)
    assert days.first_days(99) == days


@pytest.mark.django_db
def test_a_period_is_compared_with_as_many_days_of_the_previous_one(own):
    send(own.customer, [(TODAY - DAY / 2, 9, "m1")], own.word)  # on day 10
    page = own.client().get("/portal/usage").content.decode()
    assert "585 calls" in page
    assert "445 calls" in page, "40 to 49: ten days of January"
    assert "+31.5%" in page


@pytest.mark.django_db
def test_an_alert_beyond_the_allowance_says_how_much(own):
    rule = set_alert_rule(kind="allowance", scope=AlertScope(customer=own.customer), amount=None, at=TODAY)
    figures = {"threshold": 100, "value": 576, "limit": 500, "agreed_limit": 500, "unit": "call"}
    feature = Feature.objects.get(code="walnut.calls")
    Alert.objects.create(
        alert_rule=rule, customer=own.customer, feature=feature, since=TODAY, fired_at=TODAY, **figures
    )
    page = own.client().get("/portal/").content.decode()
    assert "Allowance used up: walnut.calls (500 calls included, 76 more used)" in page


@pytest.mark.django_db
def test_limits_show_the_spend_of_each_cap_and_one_row_per_limit(own):
    rule = set_alert_rule(kind="allowance", scope=AlertScope(customer=own.customer), amount=None, at=TODAY)
    figures = {"value": 576, "limit": 500, "agreed_limit": 500, "unit": "call"}
    feature = Feature.objects.get(code="walnut.calls")
    for threshold in (50, 90, 100):
        facts = {"alert_rule": rule, "customer": own.customer, "feature": feature, "threshold": threshold}
        Alert.objects.create(**facts, since=TODAY, fired_at=TODAY, **figures)
    SpendCap.objects.all().delete()
    set_cap(customer=own.customer, amount=Decimal(90), set_by="customer", at=TODAY)
    page = own.client().get("/portal/limits").content.decode()
    assert "Allowance used up" in page
    assert "90% of the allowance used" not in page
    (usage,) = running_of(SimpleNamespace(customer=own.customer, at=TODAY))
    (cap,) = usage.caps
    assert cap.spent > 0
    assert f"${cap.spent:.2f} of $90.00" in page
    set_cap(customer=own.customer, amount=Decimal(0), match={"model": "m1"}, set_by="customer", at=TODAY)
    page = own.client().get("/portal/limits").content.decode()
    assert "of $0.00" in page
    assert "100% of the cap spent" in page


@pytest.mark.django_db
def test_top_up_is_hidden_when_nothing_is_on_sale(own):
    client, wallet = own.client(), f"/portal/wallets/{own.wallet.pk}"
    top_up = f'href="{wallet}/top-up"'
    for page in ("/portal/wallets", wallet):
        assert top_up in client.get(page).content.decode()
    CreditPack.objects.update(sold_until=TODAY)
    for page in ("/portal/wallets", wallet):
        content = client.get(page).content.decode()
        assert "top-up" not in content.replace("auto-top-up", "").partition("<main")[2]


COMMITMENTS = [
    # commitment                                              text
    (None,                                                    ""),
    (SpendCommitment(Decimal(500)),                           "$500.00"),
    (SpendCommitment(Decimal(500), feature="calls"),          "$500.00 for Calls"),
    (SpendCommitment(Decimal(5), feature="calls", units=Decimal(2000)), "2,000 calls of Calls ($5.00)"),
    (SpendCommitment(Decimal(5), feature="calls", per_window=True),     "$5.00 for Calls, every 5 hours"),
]  # fmt: skip


@pytest.mark.parametrize(("commitment", "text"), COMMITMENTS)
def test_a_commitment_is_described(commitment: Any, text: str):
    feature = SimpleNamespace(code="calls", name="Calls", unit="call", resets=Interval("hour", 5))
    terms: Any = SimpleNamespace(commitment=commitment, currency="USD", features=(feature,))
    assert describe_commitment(terms, FIGURES) == text


LABELS = [
    (ACTIONS, CapAction),
    (CEILINGS, CeilingSpan),
    (CREDITS_EVERY, Every),
    (FREQUENCIES, UsageIntervalUnit),
    (GRANTS, LotKind),
    (MOVEMENTS, Movement),
    (OUTCOMES, set(AttemptState) - {AttemptState.PENDING}),
    (RENEWALS, IntervalUnit),
    (RULE_TITLES, AlertKind),
    (STATES, SHOWN),
    (STATE_LABELS, {"open", "past_due", "credited", *VISIBLE_STATES} - {"issued", "overdue"}),
    (TITLES, set(AlertKind) - {AlertKind.ANOMALY, AlertKind.EXPIRING}),
]


@pytest.mark.parametrize(("labels", "values"), LABELS)
def test_every_value_has_a_label(labels, values):
    assert set(labels) == set(values)
