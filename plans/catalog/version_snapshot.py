"""
The whole content of a version as plain values, for comparison and approval.

A table or column added below a version is read, compared and approved without a change here. `LABELS` gives some of
them better names.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, cast

from django.db.models import Model
from djmoney.models.fields import MoneyField

from lib.decimals import to_plain_string
from lib.field_types import AMOUNT, PERCENT, UNIT_PRICE, AnyField
from lib.formats import currency_name, format_number, format_units
from plans.catalog.comparison import FieldFact, Measure, VersionNode
from plans.catalog.version_schema import child_keys, content_fields, identity_fields, parent_key, version_tables
from plans.models import Fee, PlanFeature, PlanVersion, Price, Rate, Tier

KINDS = {"planfeature": "feature"}

LABELS = {
    ("planversion", "interval_unit"): "billing period's unit",
    ("planversion", "interval_count"): "billing period's length",
    ("planversion", "anchor"): "periods begin with",
    ("planversion", "trial_days"): "days of trial",
    ("planfeature", "consumption"): "",
    ("planfeature", "static_value"): "value",
    ("planfeature", "at_zero"): "when the wallet is empty",
    ("planfeature", "grace"): "overdraft limit",
    ("planfeature", "unlocked_by"): "unlock condition",
    ("planfeature", "unlocked_with"): "unlock metric",
    ("planfeature", "unlocked_at"): "unlock threshold",
    ("price", "resets_unit"): "resets",
    ("price", "resets_every"): "resets every",
    ("price", "split_by"): "one line per",
    ("price", "split_bound"): "most lines",
    ("rate", "model"): "charge model",
    ("rate", "unit_price"): "price",
    ("tier", "unit_price"): "price",
    ("fee", "amount"): "amount",
    ("fee", "every"): "charged once in",
    ("fee", "recognition"): "revenue is earned",
    ("fee", "recognition_months"): "over months",
}


Rows = dict[type[Model], list[Any]]
"""The rows below some versions, by table."""


def read_contents(*versions: PlanVersion) -> list[VersionNode]:
    """Return the content of each version, in one query per table for all of them."""
    return build_contents(read_rows(versions), versions)


def build_contents(rows: Rows, versions: Iterable[PlanVersion]) -> list[VersionNode]:
    """Return the content of each version from rows that are read already; they need not be saved."""
    currencies = {row.currency for row in rows[Price]}
    builder = _NodeBuilder(rows, names_currencies=len(currencies) > 1)
    return [builder.version(version) for version in versions]


def compute_fingerprint(version: PlanVersion) -> str:
    """Return the SHA-256 of a version's whole content, as 64 hexadecimal digits."""
    (contents,) = read_contents(version)
    return hash_contents(contents)


def hash_contents(contents: VersionNode) -> str:
    """Return the SHA-256 of contents that are read already."""
    return hashlib.sha256(json.dumps(_node_as_json(contents), sort_keys=True).encode()).hexdigest()


def _node_as_json(node: VersionNode) -> list[Any]:
    facts = {
        name: to_plain_string(fact.value) if isinstance(fact.value, Decimal) else fact.value
        for name, fact in node.facts.items()
    }
    return [node.kind, node.key, facts, [_node_as_json(part) for part in node.parts]]


def read_rows(versions: Iterable[PlanVersion]) -> Rows:
    """Return all stored rows below these versions."""
    ids = [version.pk for version in versions]
    rows = {}
    for model, path in version_tables().items():
        queryset = model._default_manager.filter(**{f"{path}__in": ids})
        rows[model] = list(queryset.select_related("feature__meter") if model is PlanFeature else queryset)
    return rows


def group_by_parent(rows: Rows) -> dict[tuple[type[Model], int], list[Any]]:
    """Return (table, id of the parent) → its rows in that table, in order."""
    rows_by_parent: dict[tuple[type[Model], int], list[Any]] = defaultdict(list)
    for model, model_rows in rows.items():
        for row in sorted(model_rows, key=_sort_key):
            rows_by_parent[model, getattr(row, parent_key(model).attname)].append(row)
    return rows_by_parent


# From rows to nodes -----------------------------------------------------------------------------------------------


class _NodeBuilder:
    """Builds nodes from the rows of some versions, indexed by their parents."""

    def __init__(self, rows: Rows, *, names_currencies: bool) -> None:
        self._names_currencies = names_currencies
        self._parts = group_by_parent(rows)

    def version(self, version: PlanVersion) -> VersionNode:
        return VersionNode("version", "", "", _facts(version, "", ""), tuple(self._child_nodes(version, "", "")))

    def _child_nodes(self, parent: Model, unit: str, currency: str) -> Iterator[VersionNode]:
        for key in child_keys(type(parent)):
            siblings = self._parts.get((key.model, parent.pk), [])
            for row in siblings:
                yield self._node(row, siblings, unit, currency)

    def _node(self, row: Any, siblings: list[Any], unit: str, currency: str) -> VersionNode:
        if isinstance(row, PlanFeature):
            unit = row.feature.meter.unit if row.feature.meter else ""
        currency = str(getattr(row, "currency", currency))
        kind = row._meta.model_name
        return VersionNode(
            kind=KINDS.get(kind, str(row._meta.verbose_name)),
            key=_key(row),
            name=self._name(row, siblings, unit),
            facts=_facts(row, unit, currency),
            parts=tuple(self._child_nodes(row, unit, currency)),
        )

    def _name(self, row: Any, siblings: list[Any], unit: str) -> str:
        if isinstance(row, Price):
            return f"in {currency_name(row.currency)}" if self._names_currencies else ""
        if isinstance(row, Rate) and len(siblings) == 1 and not row.label:
            return ""
        if isinstance(row, Tier):
            return f"up to {format_number(row.up_to)}" if row.up_to is not None else "last tier"
        if sum(str(sibling) == str(row) for sibling in siblings) == 1:
            return str(row)
        return f"{row} in {currency_name(row.currency)}" if hasattr(row, "currency") else f"{row} ({_key(row)})"


def _key(row: Any) -> str:
    model: type[Model] = type(row)
    return " ".join(_value_text(getattr(row, name)) for name in identity_fields(model))


def _sort_key(row: Any) -> tuple[Any, ...]:
    """Return the sort key of a row: its place, or its identity if rows of its kind have no order, such as prices."""
    if isinstance(row, Tier):
        return row.up_to is None, row.up_to or 0
    return (row.position, row.pk) if hasattr(row, "position") else (_key(row),)


def _facts(row: Any, unit: str, currency: str) -> dict[str, FieldFact]:
    model: type[Model] = type(row)
    return {field.name: _fact(row, field, unit, currency) for field in content_fields(model)}


def read_fact(row: Model, name: str, *, unit: str, currency: str) -> FieldFact:
    """Return one field of a row; unit: of its meter. currency: of its price."""
    return _fact(row, cast("AnyField", row._meta.get_field(name)), unit, currency)


def _fact(row: Any, field: AnyField, unit: str, currency: str) -> FieldFact:
    value = getattr(row, field.name)
    label = LABELS.get((row._meta.model_name, field.name), str(field.verbose_name))
    is_default = value is None or value == "" or (field.has_default() and value == field.get_default())
    if isinstance(field, MoneyField):
        value = value.amount
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if value is None or isinstance(value, Decimal):
        return FieldFact(label, value, *_measure(row, field, unit), currency=currency, is_default=is_default)
    return FieldFact(label, _value_text(value), text=_display_text(field, value), is_default=is_default)


def _measure(row: Any, field: AnyField, unit: str) -> tuple[Measure, str]:
    """Return the measure of a column, derived from its type, and the meter's unit where it applies."""
    digits = {"max_digits": getattr(field, "max_digits", None), "decimal_places": getattr(field, "decimal_places", 0)}
    if isinstance(field, MoneyField) or digits == AMOUNT or field.name in ("flat_fee", "fixed_fee", "maximum"):
        return "money", ""
    if digits == PERCENT:
        return "percent", ""
    if field.name == "unit_price":
        if isinstance(row, Rate) and row.model == "package":
            return "each", f"package of {format_units(row.package_size or 1, unit)}"
        return ("money", "") if isinstance(row, Rate) and row.model == "flat" else ("each", unit)
    if digits == UNIT_PRICE and field.name.endswith("per_event"):
        return "money", ""
    if isinstance(row, Fee) and field.name == "every":
        return "units", "period"
    return ("units", unit) if field.name == "included" else ("number", "")


def _display_text(field: AnyField, value: Any) -> str:
    """
    Return the display text of a value, empty if it is the value itself; choices without the explanation after the
    colon.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(dict(field.flatchoices).get(value, "")).partition(":")[0] if field.choices else ""


def _value_text(value: Any) -> str:
    """Return a value as text that is equal if and only if the values are."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return to_plain_string(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(getattr(value, "code", value)) if isinstance(value, Model) else str(value)
