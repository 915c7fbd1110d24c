"""Make a plan from a template: meters, features and a draft, by the operations that everything else uses."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.money import round_money
from plans.models import Feature, Meter, MeterReading, Plan, PlanVersion
from plans.price_lists.json_format import item_of_document
from plans.price_lists.list_import import take_in
from plans.publishing.publication import new_draft

DATA = Path(__file__).parent / "templates.toml"


@dataclass(frozen=True, slots=True)
class Template:
    """
    Something a plan may start from.

    suits: the consumption models that it is made of. says, total: an example of a month, and what it comes to in USD.
    meters, features, version: as in the file.
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


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates, in the order of the file."""
    return tuple(_template(**one) for one in tomllib.loads(DATA.read_text(encoding="utf-8"))["templates"])


def start_from(
    template: Template,
    *,
    code: str,
    name: str,
    currency: str,
    by: AbstractBaseUser | None,
    at: datetime,
) -> PlanVersion:
    """
    Return the first draft of a new plan that holds what a template says, in a currency.

    A meter or feature that is there already is taken if it means the same; otherwise a new one gets a number to its
    code. Fees are rounded to the currency.
    """
    with audited_transaction("start from template", by=by, at=at, template=template.code):
        meters = {one["code"]: _meter(one) for one in template.meters}
        features = {one["code"]: _feature(one, meters[one["meter"]]) for one in template.features}
        plan = Plan.objects.create(code=code, name=name, description=template.summary)
        draft = new_draft(plan=plan, by=by, at=at, note=f"Started from the template “{template.name}”.")
        listed = item_of_document(_listed(template.version, currency, features))
        take_in(listed, version=draft, by=by, at=at)
        draft.refresh_from_db()
        return draft


def _template(*, example: Mapping[str, Any], suits: list[str], version: Mapping[str, Any], **told: Any) -> Template:
    return Template(
        code=told["code"],
        name=told["name"],
        summary=told["summary"],
        suits=tuple(suits),
        says=example["says"],
        total=Decimal(example["total"]),
        events=tuple(example["events"]),
        meters=tuple(told["meters"]),
        features=tuple(told["features"]),
        version=version,
    )


def _meter(told: Mapping[str, Any]) -> Meter:
    """Return the meter that a template tells of: one that is there, or a new one."""
    fields = {name: value for name, value in told.items() if name not in ("code", "readings")}
    readings = told.get("readings", {})
    for code in _codes(told["code"]):
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
    """Return all that a meter says but how it is called."""
    names = {one.name for one in Meter._meta.concrete_fields} - {"id", "code", "name", "unit", "created_at"}
    return {name: getattr(meter, name) for name in names}


def _feature(told: Mapping[str, Any], meter: Meter) -> str:
    """Return the code of the feature that a template tells of: one of this meter that is there, or a new one."""
    for code in _codes(told["code"]):
        feature, _ = Feature.objects.get_or_create(code=code, defaults={"name": told["name"], "meter": meter})
        if feature.meter_id == meter.pk:
            return code
    raise AssertionError("unreachable")


def _codes(first: str) -> Iterator[str]:
    yield first
    yield from (f"{first}-{number}" for number in count(2))


def _listed(version: Mapping[str, Any], currency: str, features: Mapping[str, str]) -> dict[str, Any]:
    """Return a template's price list with the currency that it leaves open, and the codes of what it grants."""
    fees = [
        {**fee, "currency": currency, "amount": to_plain_string(round_money(Decimal(fee["amount"]), currency))}
        for fee in version.get("fees", ())
    ]
    granted = [
        {
            **one,
            "feature": features[one["feature"]],
            "prices": [{"currency": currency, **price} for price in one.get("prices", ())],
        }
        for one in version.get("features", ())
    ]
    return {**version, "fees": fees, "features": granted}
