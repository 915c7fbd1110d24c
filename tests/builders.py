"""
Small builders for tests: each creates one object, with sensible defaults, by the product's own operations.

    offers = [offer("api.calls", included=200, rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("19.99")], offers=offers))
    subscription = subscribe(make_customer(), version)
    use(subscription, "api.calls", 400)
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.text import slugify

from billing import subscriptions
from billing.limits.spend_caps import set_cap
from billing.metering.store import counter_store
from billing.models import Coverage, Override, Period, SpendCap, Subscription, SubscriptionCommitment
from billing.subscriptions.terms import commitments
from customers.models import Customer, Seller, TestClock
from invoices.models import TaxRate
from plans.costs import unit_costs
from plans.models import (
    BillingThreshold,
    BonusSlab,
    Commitment,
    Coupon,
    CreditPack,
    Feature,
    Fee,
    IncludedCredits,
    Meter,
    PackPrice,
    Plan,
    PlanFeature,
    PlanVersion,
    Price,
    Rate,
    Tier,
    UnitCost,
    UsageLimit,
)
from plans.publishing import publication
from tests.clean_books import assert_clean
from wallets.models import Wallet

JAN = datetime(2026, 1, 1, tzinfo=UTC)
FEB = datetime(2026, 2, 1, tzinfo=UTC)
MAR = datetime(2026, 3, 1, tzinfo=UTC)
APR = datetime(2026, 4, 1, tzinfo=UTC)

Number = Decimal | int | str
_serial = itertools.count(1)


def make_seller(code: str = "acme", **fields: Any) -> Seller:
    """Return a seller; the same one for the same code."""
    defaults = {"legal_name": "Acme Inc.", "country": "US", "currency": "USD", **fields}
    return Seller.objects.get_or_create(code=code, defaults=defaults)[0]


def make_customer(external_id: str = "", *, seller: Seller | None = None, **fields: Any) -> Customer:
    number = next(_serial)
    return Customer.objects.create(
        external_id=external_id or f"customer-{number}",
        seller=seller or make_seller(),
        **{"legal_name": f"Customer {number} Ltd", "country": "US", "currency": "USD", **fields},
    )


def make_clock(now: datetime = JAN) -> TestClock:
    """Return a new test clock at `now`."""
    return TestClock.objects.create(name=f"Clock {next(_serial)}", now=now)


def make_tax(percent: Number, *, seller: Seller | None = None, country: str = "", **fields: Any) -> TaxRate:
    """Return a tax rate in force from 2020; without a country, it applies to countries without their own rate."""
    fields = {"valid_from": datetime(2020, 1, 1, tzinfo=UTC).date(), **fields}
    return TaxRate.objects.create(seller=seller or make_seller(), country=country, rate=Decimal(percent), **fields)


def make_meter(code: str = "api.calls", **fields: Any) -> Meter:
    """Return the meter with this code; by default it counts events of the same name."""
    defaults = {"name": code, "event_name": code, "unit": "call", **fields}
    return Meter.objects.get_or_create(code=code, defaults=defaults)[0]


def make_cost(meter: Meter, cost: Number, *, since: datetime = JAN, **fields: Any) -> UnitCost:
    """Return a unit cost from `since`, by default in USD and for all usage."""
    arguments = {"match": {}, "currency": "USD", "by": None, "at": since, **fields}
    return unit_costs.record_cost(meter=meter, cost=Decimal(cost), valid_from=since, **arguments)


def make_feature(code: str = "api.calls", *, kind: str = "metered", meter: Meter | None = None) -> Feature:
    """Return a feature; a metered one uses the meter of its own code by default."""
    if kind == "metered":
        meter = meter or make_meter(code)
    return Feature.objects.get_or_create(code=code, defaults={"name": code, "kind": kind, "meter": meter})[0]


def fee(amount: Number, **fields: Any) -> dict[str, Any]:
    """Describe a fee for `make_plan`, by default a base fee in advance in USD."""
    kind = fields.get("kind", "base")
    label = fields.get("label", {"base": "Base fee", "one_time": "Setup fee"}[kind])
    defaults = {"currency": "USD", "billed": "advance", "label": label, "code": slugify(label)}
    return {"amount": Decimal(amount), **defaults, **fields}


def commitment(
    minimum: Number | None = None,
    *,
    units: Number | None = None,
    factor: Number = 1,
    discount: Number = 0,
    **fields: Any,
) -> dict[str, Any]:
    """Describe a commitment for `make_plan`, in money or units, by default in USD and for each period."""
    figures = {
        "minimum": None if minimum is None else Decimal(minimum),
        "units": None if units is None else Decimal(units),
        "overage_factor": Decimal(factor),
        "discount": Decimal(discount),
    }
    return {"currency": "USD", **figures, **fields}


def threshold(amount: Number, **fields: Any) -> dict[str, Any]:
    """Describe an amount of usage for `make_plan` at which it is invoiced, by default in USD and once."""
    return {"amount": Decimal(amount), "currency": "USD", **fields}


def included(amount: Number, **fields: Any) -> dict[str, Any]:
    """Describe included credits for `make_plan`, by default for each period and valid until its end."""
    return {"amount": Decimal(amount), **fields}


def make_coupon(
    code: str = "", *, percent: Number | None = None, amount: Number | None = None, **fields: Any
) -> Coupon:
    """Return a coupon of a percentage or an amount, by default in USD and once."""
    code = code or f"COUPON-{next(_serial)}"
    figures = {
        "percent": None if percent is None else Decimal(percent),
        "amount": None if amount is None else Decimal(amount),
        "currency": "" if amount is None else "USD",
    }
    return Coupon.objects.create(**{"code": code, "name": code.title(), **figures, **fields})


def make_pack(
    code: str = "",
    *,
    units: Number | None = 100,
    prices: dict[str, Number] | None = None,
    slabs: Sequence[Sequence[Number]] = (),
    **fields: Any,
) -> CreditPack:
    """Return a credit pack, by default for 99 USD; slabs: (from, units, percent)."""
    code = code or f"pack-{next(_serial)}"
    decimal_units = None if units is None else Decimal(units)
    pack = CreditPack.objects.create(**{"code": code, "name": code.title(), "units": decimal_units, **fields})
    for currency, price in (prices or {"USD": 99}).items():
        PackPrice.objects.create(pack=pack, currency=currency, price=Decimal(price))
    for least, more, percent in slabs:
        figures = {"least": Decimal(least), "units": Decimal(more), "percent": Decimal(percent)}
        BonusSlab.objects.create(pack=pack, **figures)
    return pack


def make_wallet(customer: Customer | None = None, **fields: Any) -> Wallet:
    """Return a wallet, by default of credits and of a new customer."""
    return Wallet.objects.create(customer=customer or make_customer(), **{"name": "Credits", **fields})


def add_commitment(
    subscription: Subscription, minimum: Number | None = None, *, at: datetime, **fields: Any
) -> SubscriptionCommitment:
    """Return a subscription's own commitment, by default from the current period."""
    amount = None if minimum is None else Decimal(minimum)
    fields = {"starts_at": at, "reason": "as agreed", "minimum": amount, **fields}
    return commitments.set_commitment(subscription=subscription, at=at, **fields)


def tier(up_to: Number | None, unit_price: Number, flat_fee: Number = 0, **fields: Any) -> dict[str, Any]:
    bound = None if up_to is None else Decimal(up_to)
    return {"up_to": bound, "unit_price": Decimal(unit_price), "flat_fee": Decimal(flat_fee), **fields}


def rate(unit_price: Number | None = None, *, tiers: Sequence[dict[str, Any]] = (), **fields: Any) -> dict[str, Any]:
    """Describe a rate, by default per unit, or graduated if tiers are given."""
    fields = {"model": "graduated" if tiers else "per_unit", **fields}
    if "package_size" in fields:
        fields["package_size"] = Decimal(fields["package_size"])
    return {"unit_price": None if unit_price is None else Decimal(unit_price), "tiers": tiers, **fields}


def offer(
    feature: str | Feature,
    *,
    included: Number = 0,
    rates: Sequence[dict[str, Any]] = (),
    currency: str = "USD",
    prices: dict[str, Sequence[dict[str, Any]]] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """
    Describe the allowance and prices of a feature in a version.

    rates: in `currency`; or `prices`: currency → rates. No rates means no price, as for a hard cap or a boolean.
    minimum: of each of its prices, and so are fields in `price`. limits: quotas and throttles.
    """
    prices = prices or ({currency: rates} if rates else {})
    return {"feature": feature, "included": Decimal(included), "prices": prices, **fields}


def make_plan(
    code: str = "",
    *,
    fees: Iterable[dict[str, Any]] = (),
    offers: Iterable[dict[str, Any]] = (),
    commitments: Iterable[dict[str, Any]] = (),
    credits: Iterable[dict[str, Any]] = (),
    thresholds: Iterable[dict[str, Any]] = (),
    interval: str = "month",
    count: int = 1,
    **fields: Any,
) -> PlanVersion:
    """Return the next draft version of a plan with all its rows; the plan is created if it doesn't exist."""
    code = code or f"plan-{next(_serial)}"
    plan = Plan.objects.get_or_create(code=code, defaults={"name": code.title()})[0]
    version = PlanVersion.objects.create(
        plan=plan,
        number=plan.versions.count() + 1,
        interval_unit=interval,
        interval_count=count,
        **fields,
    )
    for position, described in enumerate(fees):
        Fee.objects.create(version=version, position=position, **described)
    for described in commitments:
        Commitment.objects.create(version=version, **described)
    for described in credits:
        IncludedCredits.objects.create(version=version, **described)
    for described in thresholds:
        BillingThreshold.objects.create(version=version, **described)
    for position, described in enumerate(offers):
        _add_offer(version, position=position, **described)
    return version


def _add_offer(
    version: PlanVersion,
    *,
    feature: str | Feature,
    prices: dict[str, Sequence[dict[str, Any]]],
    minimum: Number | None = None,
    limits: Sequence[dict[str, Any]] = (),
    price: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    if isinstance(feature, str):
        matched = {name for rates in prices.values() for rate in rates for name in rate.get("match", {})}
        make_meter(feature, dimensions=sorted(matched))
        feature = make_feature(feature)
    granted = PlanFeature.objects.create(version=version, feature=feature, **fields)
    for position_of_limit, described in enumerate(limits):
        UsageLimit.objects.create(plan_feature=granted, position=position_of_limit, **described)
    for currency, rates in prices.items():
        least = None if minimum is None else Decimal(minimum)
        stored = Price.objects.create(plan_feature=granted, currency=currency, minimum=least, **(price or {}))
        for position, described in enumerate(rates):
            tiers = described["tiers"]
            made = Rate.objects.create(
                price=stored,
                position=position,
                **{name: described[name] for name in described if name != "tiers"},
            )
            for step in tiers:
                Tier.objects.create(rate=made, **step)


def publish(version: PlanVersion, at: datetime = JAN, effective_from: datetime | None = None) -> PlanVersion:
    """Return the published version, without a user."""
    publication.publish(version=version, by=None, at=at, effective_from=effective_from)
    version.refresh_from_db()
    return version


def subscribe(
    customer: Customer,
    version: PlanVersion,
    starts_at: datetime = JAN,
    at: datetime | None = None,
    **fields: Any,
) -> Subscription:
    """Return a subscription from `starts_at`, created at `at` or by default at the same time."""
    return subscriptions.start(customer=customer, version=version, starts_at=starts_at, at=at or starts_at, **fields)


def add_override(
    subscription: Subscription, feature: str, figure: str, value: Number, *, at: datetime, **fields: Any
) -> Override:
    """Return an override of the subscription, by default from the period after `at`."""
    return subscriptions.override(
        subscription=subscription,
        feature=Feature.objects.get(code=feature),
        figure=figure,
        value=Decimal(value),
        at=at,
        **{"reason": "as agreed", **fields},
    )


def cap(subscription: Subscription, amount: Number, *, feature: str = "", at: datetime, **fields: Any) -> SpendCap:
    """Return a spend cap on all usage, or on one feature."""
    feature_row = Feature.objects.get(code=feature) if feature else None
    return set_cap(subscription=subscription, amount=Decimal(amount), feature=feature_row, at=at, **fields)


def use(
    subscription: Subscription,
    feature: str,
    quantity: Number,
    *,
    at: datetime | None = None,
    events: int = 1,
    rate_label: str = "",
) -> Period:
    """
    Count usage as ingest does (the period's lock, then the sequence, then the counter); return its period.

    at: the time of the usage, by default the subscription's start.
    rate_label: the rate of the feature's price that applies, by default the first.
    """
    moment = at or subscription.starts_at
    period = subscription.periods.containing(moment).get()
    granted = PlanFeature.objects.get(version_id=period.version_id, feature__code=feature)
    rates = Rate.objects.filter(price__plan_feature=granted, price__currency=subscription.currency)
    matching_rate = rates.filter(Q(label=rate_label) if rate_label else Q()).order_by("position").first()
    counter = counter_store.CounterKey(
        period.id, granted.id, matching_rate.id if matching_rate else 0, period.starts_at
    )
    with transaction.atomic():
        gates = counter_store.lock_periods([period.id]).periods
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('billing_event_sequence') FROM generate_series(1, %s)", [events])
        counter_store.add_to_counters(
            {counter: counter_store.CounterSum(events, Decimal(quantity), fingerprint=next(_serial))}, {}
        )
        if gates[period.id].is_closed:
            counter_store.mark_late([period.id], at=moment)
    return period


def assert_invoices_clean() -> None:
    """Run the integrity checks of invoices, none of which reads events, because `use` counts without events."""
    assert_clean("invoices")


def covered_features(subscription: Subscription) -> list[str]:
    """Return the codes of the features that a subscription covers, in order."""
    return sorted(Coverage.objects.filter(subscription=subscription).values_list("feature__code", flat=True))
