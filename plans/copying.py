"""Copy everything below a plan version into another one."""

import copy
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db import models

from plans.models import Fee, PlanFeature, PlanVersion, Price, Rate, Tier

Row = TypeVar("Row", bound=models.Model)


def copy_contents(*, source: PlanVersion, target: PlanVersion) -> None:
    """Copy features, prices, rates, tiers and fees of `source` into the draft `target`, in ten queries."""
    _copy(Fee.objects.filter(version=source), lambda _: {"version_id": target.pk})
    features = _copy(PlanFeature.objects.filter(version=source), lambda _: {"version_id": target.pk})
    prices = _copy(
        Price.objects.filter(plan_feature__in=features),
        lambda price: {"plan_feature_id": features[price.plan_feature_id]},
    )
    rates = _copy(Rate.objects.filter(price__in=prices), lambda rate: {"price_id": prices[rate.price_id]})
    _copy(Tier.objects.filter(rate__in=rates), lambda tier: {"rate_id": rates[tier.rate_id]})


def _copy(rows: Iterable[Row], changes: Callable[[Any], dict[str, int]]) -> dict[int, int]:
    """Store a copy of each row with some of its fields changed, and return which id became which."""
    originals = list(rows)
    copies = []
    for original in originals:
        one = copy.copy(original)
        one._state = copy.copy(original._state)
        one._state.adding = True
        one._state.fields_cache = {}
        one.pk = None
        for name, value in changes(original).items():
            setattr(one, name, value)
        copies.append(one)
    if copies:
        type(copies[0])._default_manager.bulk_create(copies)
    return {original.pk: one.pk for original, one in zip(originals, copies, strict=True)}
