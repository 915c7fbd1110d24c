"""The demo's meters, features and plans: from data/catalog.toml into the database, published."""

import tomllib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from demo.trace import DATA
from plans.models import Feature, Fee, Meter, MeterReading, Plan, PlanFeature, PlanVersion, Price, Rate, Tier
from plans.publishing import publication

LAUNCHED_BEFORE = timedelta(days=800)
"""How long before the demo's today its plans were published: before its oldest subscription."""


def remembered_today() -> datetime | None:
    """
    Return the today of the demo in this database, or None if it has no demo yet.

    It follows from the date of the plans' publication, so an interrupted demo continues with the same dates in any
    year.
    """
    codes = [plan["code"] for plan in _data()["plans"]]
    published = PlanVersion.objects.published().filter(plan__code__in=codes, number=1)
    first = published.order_by("published_at").values_list("published_at", flat=True).first()
    return first + LAUNCHED_BEFORE if first else None


@transaction.atomic
def load(at: datetime) -> int:
    """Publish the demo's plans unless they exist, all or none, and return how many were added."""
    if remembered_today() is not None:
        return 0
    data = _data()
    meters = {meter["code"]: _add_meter(**meter) for meter in data["meters"]}
    features = {feature["code"]: _add_feature(meters, **feature) for feature in data["features"]}
    for plan in data["plans"]:
        add_plan(features, at=at - LAUNCHED_BEFORE, **plan)
    return len(data["plans"])


def features() -> dict[str, Feature]:
    """Return the demo's features by their codes."""
    return {feature.code: feature for feature in Feature.objects.all()}


def _data() -> dict[str, Any]:
    return tomllib.loads((DATA / "catalog.toml").read_text(encoding="utf-8"))


def _add_meter(*, readings: dict[str, str] | None = None, **fields: Any) -> Meter:
    meter = Meter.objects.create(**fields)
    for value, path in (readings or {}).items():
        MeterReading.objects.create(meter=meter, dimension_value=value, value_property=path)
    return meter


def _add_feature(meters: dict[str, Meter], *, meter: str | None = None, **fields: Any) -> Feature:
    return Feature.objects.create(meter=meters[meter] if meter else None, **fields)


def add_plan(
    by_code: dict[str, Feature],
    *,
    at: datetime,
    code: str,
    name: str,
    description: str,
    features: list[dict[str, Any]],
    fees: list[dict[str, Any]] | None = None,
    is_public: bool = False,
    **version_fields: Any,
) -> None:
    """Publish the first version of a plan from a data file; by_code: the features that it may grant."""
    plan = Plan.objects.create(code=code, name=name, description=description, is_public=is_public)
    version = publication.new_draft(plan=plan, by=None, at=at, note="The demo's first prices.")
    for field, value in version_fields.items():
        setattr(version, field, value)
    version.save()
    for position, fee in enumerate(fees or []):
        _add_fee(version, position, **fee)
    for position, feature_data in enumerate(features):
        _add_feature_of(version, by_code, position, **feature_data)
    publication.publish(version=version, by=None, at=at)


def _add_fee(version: PlanVersion, position: int, *, amount: dict[str, str], **fields: Any) -> None:
    for currency, figure in amount.items():
        Fee.objects.create(
            version=version,
            code=slugify(fields.get("label", "Base fee")),
            position=position,
            currency=currency,
            amount=Decimal(figure),
            **fields,
        )


def _add_feature_of(
    version: PlanVersion,
    by_code: dict[str, Feature],
    position: int,
    *,
    feature: str,
    included: str = "0",
    rates: list[dict[str, Any]] | None = None,
    **fields: Any,
) -> None:
    plan_feature = PlanFeature.objects.create(
        version=version, feature=by_code[feature], position=position, included=Decimal(included), **fields
    )
    for currency in _currencies(rates or []):
        price = Price.objects.create(plan_feature=plan_feature, currency=currency)
        for rate_position, rate in enumerate(rates or []):
            _add_rate(price, rate_position, **rate)


def _currencies(rates: list[dict[str, Any]]) -> list[str]:
    """Return the currencies of rates, taken from their first price."""
    if not rates:
        return []
    first = rates[0]["tiers"][0] if "tiers" in rates[0] else rates[0]
    return list(first["unit_price"])


def _add_rate(
    price: Price,
    position: int,
    *,
    unit_price: dict[str, str] | None = None,
    package_size: str | None = None,
    tiers: list[dict[str, Any]] | None = None,
    **fields: Any,
) -> None:
    rate = Rate.objects.create(
        price=price,
        position=position,
        unit_price=Decimal(unit_price[price.currency]) if unit_price else None,
        package_size=Decimal(package_size) if package_size else None,
        **fields,
    )
    for tier in tiers or []:
        Tier.objects.create(
            rate=rate,
            up_to=Decimal(tier["up_to"]) if "up_to" in tier else None,
            unit_price=Decimal(tier["unit_price"][price.currency]),
            flat_fee=Decimal(tier.get("flat_fee", {}).get(price.currency, 0)),
        )
