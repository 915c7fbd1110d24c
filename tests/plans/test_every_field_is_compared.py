"""
Every change of a version's columns is shown by the comparison and invalidates an approval.

The columns are read from the models, so a new column is tested automatically.
"""

from decimal import Decimal
from operator import attrgetter
from typing import Any

import pytest
from django.db.models import Field

from plans.catalog.comparison import compare
from plans.catalog.version_schema import content_fields, parent_key, version_tables
from plans.catalog.version_snapshot import build_contents, read_rows
from plans.models import PlanVersion
from tests.builders import commitment, fee, included, make_plan, offer, rate, threshold, tier
from tests.different_values import another

pytestmark = pytest.mark.django_db

LIMITS = [{"most": Decimal(9), "after": "slow", "slow_to": Decimal(3)}, {"kind": "throttle", "most": Decimal(2)}]


@pytest.fixture
def version(db: None) -> PlanVersion:
    ladder = [tier(10, "1", 5), tier(None, "0.5")]
    offers = [
        offer("calls", rates=[rate("0.05", match={"model": "a"}, label="A"), rate(tiers=ladder)]),
        offer("storage", limits=LIMITS),
    ]
    fees = [fee("5"), fee("9", kind="one_time")]
    return make_plan(
        "pro",
        fees=fees,
        offers=offers,
        commitments=[commitment(100)],
        credits=[included(5)],
        thresholds=[threshold(5)],
    )


def columns() -> list[Any]:
    of_tables = [
        (model, field)
        for model in version_tables()
        for field in model._meta.concrete_fields
        if field.name not in ("id", parent_key(model).name)
    ]
    fields = [*((PlanVersion, field) for field in content_fields(PlanVersion)), *of_tables]
    return [pytest.param(model, field, id=f"{model._meta.model_name}.{field.name}") for model, field in fields]


@pytest.mark.parametrize(("model", "field"), columns())
def test_a_changed_value_is_a_difference(version: PlanVersion, model: type, field: Field):
    before, after = read_rows([version]), read_rows([version])
    changed = PlanVersion.objects.get(pk=version.pk)
    row = changed if model is PlanVersion else min(after[model], key=attrgetter("pk"))
    value = getattr(row, field.name)
    if field.is_relation:
        setattr(row, field.name, next(related for related in field.related_model.objects.all() if related != value))
    else:
        setattr(row, field.name, another(field, value) if field.name != "position" else 99)
    differences = compare(*build_contents(before, [version]), *build_contents(after, [changed]))
    assert [difference.text for difference in differences], f"{row!r}: {field.name} from {value!r}"


def test_every_table_has_a_changed_row(version: PlanVersion):
    assert all(read_rows([version]).values())
