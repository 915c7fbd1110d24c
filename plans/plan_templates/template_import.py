"""The creation of a plan from a template: meters, features and a draft, by the same operations as everywhere else."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.money import round_money
from plans.models import BonusSlab, CreditPack, Feature, Meter, MeterReading, PackPrice, Plan, PlanVersion
from plans.price_lists.json_format import item_from_document
from plans.price_lists.list_import import import_price_list
from plans.publishing.publication import new_draft

DATA = Path(__file__).parent / "templates.toml"


@dataclass(frozen=True, slots=True)
class Template:
    """
    A starting point for a plan.

    suits: the consumption models that it uses. says, total: an example month in words, and its bill in USD.
    meters, features, version, pack: as in the file; a template without a credit pack has an empty one.
    """

    code: str
    name: str
    summary: str
    suits: tuple[str, ...]
    says: str
    total: Decimal
    events: tuple[Mapping[str, Any], ...]
    meters: tuple[Mapping[str, Any], ...]
    features: tuple[Mapping[str, Any], ...]
    version: Mapping[str, Any]
    pack: Mapping[str, Any]


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates, in the order of the file."""
    return tuple(
        _build_template(**definition) for definition in tomllib.loads(DATA.read_text(encoding="utf-8"))["templates"]
    )


def create_plan_from_template(
    template: Template,
    *,
    code: str,
    name: str,
    currency: str,
    by: User | None,
    at: datetime,
) -> PlanVersion:
    """
    Create a plan from a template, and return its first draft, priced in one currency.

    An existing meter or feature is reused if it means the same; otherwise a new one is created with a number appended
    to its code. Fees are rounded to the currency. A credit pack is created along, and is not on sale.
    """
    with audited_transaction("start from template", by=by, at=at, template=template.code):
        meters = {meter["code"]: _find_or_create_meter(meter) for meter in template.meters}
        features = {
            feature["code"]: _find_or_create_feature(feature, meters[feature["meter"]])
            for feature in template.features
        }
        plan = Plan.objects.create(code=code, name=name, description=template.summary)
        draft = new_draft(plan=plan, by=by, at=at, note=f"Created from the template “{template.name}”.")
        price_list = item_from_document(_price_list_document(template.version, currency, features))
        import_price_list(price_list, version=draft, by=by, at=at)
        if template.pack:
            _create_pack(template.pack, currency, at=at)
        draft.refresh_from_db()
        return draft


def _build_template(
    *, example: Mapping[str, Any], suits: list[str], version: Mapping[str, Any], **fields: Any
) -> Template:
    return Template(
        code=fields["code"],
        name=fields["name"],
        summary=fields["summary"],
        suits=tuple(suits),
        says=example["says"],
        total=Decimal(example["total"]),
        events=tuple(example["events"]),
        meters=tuple(fields["meters"]),
        features=tuple(fields["features"]),
        version=version,
        pack=fields.get("pack", {}),
    )


def _find_or_create_meter(definition: Mapping[str, Any]) -> Meter:
    """Return the meter that a template defines: an existing one with the same meaning, or a new one."""
    fields = {name: value for name, value in definition.items() if name not in ("code", "readings")}
    readings = definition.get("readings", {})
    for code in _codes(definition["code"]):
        meter = Meter.objects.filter(code=code).first()
        if meter is None:
            meter = Meter.objects.create(code=code, **fields)
            for value, path in readings.items():
                MeterReading.objects.create(meter=meter, dimension_value=value, value_property=path)
            return meter
        if _meaning(meter) == _meaning(Meter(**fields)) and readings == dict(
            meter.readings.values_list("dimension_value", "value_property")
        ):
            return meter
    raise AssertionError("unreachable")


def _meaning(meter: Meter) -> dict[str, Any]:
    """Return all fields of a meter but its names."""
    names = {field.name for field in Meter._meta.concrete_fields} - {"id", "code", "name", "unit", "created_at"}
    return {name: getattr(meter, name) for name in names}


def _find_or_create_feature(definition: Mapping[str, Any], meter: Meter) -> str:
    """Return the code of the feature that a template defines: an existing one of this meter, or a new one."""
    for code in _codes(definition["code"]):
        feature, _ = Feature.objects.get_or_create(code=code, defaults={"name": definition["name"], "meter": meter})
        if feature.meter_id == meter.pk:
            return code
    raise AssertionError("unreachable")


def _create_pack(definition: Mapping[str, Any], currency: str, *, at: datetime) -> None:
    """Create the credit pack that a template defines. Its sale has ended, so nobody buys it at an unchecked price."""
    code = next(code for code in _codes(definition["code"]) if not CreditPack.objects.filter(code=code).exists())
    pack = CreditPack.objects.create(
        code=code,
        name=definition["name"],
        units=Decimal(definition["units"]),
        valid_days=definition["valid_days"],
        sold_until=at,
    )
    price = round_money(Decimal(definition["price"]), currency)
    PackPrice.objects.create(pack=pack, currency=currency, price=price)
    for slab in definition["slabs"]:
        BonusSlab.objects.create(pack=pack, least=Decimal(slab["least"]), percent=Decimal(slab["percent"]))


def _codes(first: str) -> Iterator[str]:
    yield first
    yield from (f"{first}-{number}" for number in count(2))


def _price_list_document(version: Mapping[str, Any], currency: str, features: Mapping[str, str]) -> dict[str, Any]:
    """Return a template's price list in the given currency, with the codes of the created features."""
    fees = [
        {**fee, "currency": currency, "amount": to_plain_string(round_money(Decimal(fee["amount"]), currency))}
        for fee in version.get("fees", ())
    ]
    plan_features = [
        {
            **plan_feature,
            "feature": features[plan_feature["feature"]],
            "prices": [{"currency": currency, **price} for price in plan_feature.get("prices", ())],
        }
        for plan_feature in version.get("features", ())
    ]
    return {**version, "fees": fees, "features": plan_features}
