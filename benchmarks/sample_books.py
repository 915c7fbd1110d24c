"""The data of the benchmarks: a catalog of ten prices and a weighted sum, and customers by the thousand."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from billing.models import Coverage, Period, Subscription
from customers.models import Customer, Seller
from lib.currencies import CREDITS
from plans.models import Feature, Fee, Meter, Plan, PlanFeature, PlanVersion, Price, Rate
from plans.models.versions import VersionState
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

EVENT = "llm.request"
STORED = "storage.changed"
PREPAID = "run"
MODELS = ("atlas", "borea", "cygnus", "draco")
REGIONS = ("eu", "us", "ap")
RUN_COSTS = Decimal("0.0125")
PLENTY = Decimal(10**9)


def catalog(at: datetime, *, prepaid: bool = False, levels: bool = True) -> PlanVersion:
    """
    Return a live version of ten prices over three meters that all count the same event, and of a fourth meter.

    Tokens by model and direction (8 rates, two values per event), requests, and seconds of compute by region; the
    fourth is a weighted sum, gigabytes stored over time, which carry over from one period to the next. prepaid:
    whether it also offers runs, which wallets pay for. levels: whether it offers the fourth meter, which prevents
    splitting its periods.
    """
    tokens = Meter.objects.create(
        code="tokens",
        name="Tokens",
        event_name=EVENT,
        aggregation="sum",
        reading_dimension="direction",
        dimensions=["model"],
        unit="token",
    )
    tokens.readings.create(dimension_value="input", value_property="prompt_tokens")
    tokens.readings.create(dimension_value="output", value_property="completion_tokens")
    requests = Meter.objects.create(code="requests", name="Requests", event_name=EVENT, dimensions=["model"])
    compute = Meter.objects.create(
        code="compute",
        name="Compute",
        event_name=EVENT,
        aggregation="sum",
        value_property="seconds",
        dimensions=["region"],
        unit="second",
    )
    storage = Meter.objects.create(
        code="storage",
        name="Storage",
        event_name=STORED,
        aggregation="weighted_sum",
        value_property="gigabytes",
        recurring=True,
        unit="GB-month",
    )
    version = PlanVersion.objects.create(plan=Plan.objects.create(code="bench", name="Benchmark"), number=1)
    Fee.objects.create(version=version, currency="USD", amount=Decimal(20), billed="arrears")
    by_model = [{"model": model, "direction": way} for model in MODELS for way in ("input", "output")]
    _offer(version, tokens, by_model, Decimal("0.0000025"))
    _offer(version, requests, [{}], Decimal("0.001"))
    _offer(version, compute, [{}], Decimal("0.0004"))
    if levels:
        _offer(version, storage, [{}], Decimal("0.02"))
    if prepaid:
        offer_prepaid(version)
    release(version, at)
    return version


def release(version: PlanVersion, at: datetime) -> None:
    """Put a version in force, effective long ago."""
    version.state = VersionState.LIVE
    version.effective_from = version.published_at = at - timedelta(days=800)
    version.save()


def offer_prepaid(version: PlanVersion) -> None:
    """Offer runs, each model at a price in credits."""
    meter = Meter.objects.create(code="runs", name="Runs", event_name=PREPAID, dimensions=["model"], unit="run")
    feature = Feature.objects.create(code="runs", name="Runs", meter=meter)
    plan_feature = PlanFeature.objects.create(version=version, feature=feature, consumption="credits")
    price = Price.objects.create(plan_feature=plan_feature, currency=CREDITS)
    for position, model in enumerate(MODELS):
        Rate.objects.create(price=price, position=position, match={"model": model}, unit_price=RUN_COSTS)


def fill_wallets(at: datetime, *, lots: int) -> None:
    """Give every customer a wallet with `lots` lots, with more credits than any benchmark uses."""
    for customer_id in Customer.objects.values_list("pk", flat=True):
        wallet = Wallet.objects.create(customer_id=customer_id)
        grants = [
            Grant("purchased", PLENTY, f"pack {number}", cost=Decimal(99), priority=number + 1)
            for number in range(lots)
        ]
        grant(wallet_id=wallet.pk, grants=grants, at=at)


def _offer(version: PlanVersion, meter: Meter, matches: list[dict[str, str]], unit_price: Decimal) -> None:
    feature = Feature.objects.create(code=meter.code, name=meter.name, meter=meter)
    price = Price.objects.create(
        plan_feature=PlanFeature.objects.create(version=version, feature=feature), currency="USD"
    )
    Rate.objects.bulk_create(
        Rate(price=price, position=position, match=match, unit_price=unit_price * (position + 1))
        for position, match in enumerate(matches)
    )


def seller() -> Seller:
    return Seller.objects.get_or_create(
        code="bench", defaults={"legal_name": "Benchmark Inc.", "country": "US", "city": "Springfield"}
    )[0]


def add_customers(seller_row: Seller, count: int) -> None:
    """Create customers without subscriptions, in batches of 10,000."""
    for start in range(0, count, 10_000):
        Customer.objects.bulk_create(
            Customer(seller=seller_row, external_id=f"c{number}", legal_name=f"Customer {number}", country="US")
            for number in range(start, min(start + 10_000, count))
        )


def subscribe(version: PlanVersion, *, first: int, count: int, starts_at: datetime, ends_at: datetime) -> None:
    """Create customers c<first> to c<first + count - 1>, each with one period; in batches of 5,000."""
    seller_row = seller()
    for start in range(first, first + count, 5_000):
        numbers = range(start, min(start + 5_000, first + count))
        customers = Customer.objects.bulk_create(
            Customer(seller=seller_row, external_id=f"c{number}", legal_name=f"Customer {number}", country="US")
            for number in numbers
        )
        subscriptions = Subscription.objects.bulk_create(
            Subscription(
                external_id=f"s-{customer.external_id}",
                customer=customer,
                version=version,
                currency="USD",
                starts_at=starts_at,
                anchor_at=starts_at,
            )
            for customer in customers
        )
        Period.objects.bulk_create(
            Period(subscription=subscription, version=version, starts_at=starts_at, ends_at=ends_at, due_at=ends_at)
            for subscription in subscriptions
        )
        _cover(min(subscription_row.pk for subscription_row in subscriptions))


def _cover(first_subscription: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Coverage._meta.db_table} (customer_id, feature_id, subscription_id, named, during)"  # noqa: S608
            " SELECT s.customer_id, f.feature_id, s.id, false, tstzrange(s.starts_at, NULL)"
            " FROM billing_subscription s JOIN plans_planfeature f ON f.version_id = s.version_id"
            " WHERE s.id >= %s",
            [first_subscription],
        )


def analyze() -> None:
    """Update the planner's statistics."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
