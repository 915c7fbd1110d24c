"""
The differences between two versions, in words and figures.

Compares the nodes that `plans.catalog.version_snapshot` reads and knows nothing of models, so the differences in a
new column are reported at once, under the column's name until it has a label.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lib.decimals import HALF_UP
from lib.formats import format_money, format_number, format_units, pluralize

Measure = Literal["word", "number", "units", "money", "each", "percent"]
"""The measure of a fact: `money` is an amount, `each` a price per unit, `units` a quantity in the meter's unit."""

NOTHING = "none"
LEAST_SHOWN = Decimal("0.01")
"""Prices below it are shown per thousand or per million units."""


@dataclass(frozen=True, slots=True)
class FieldFact:
    """
    The value of one field of a row.

    value: a Decimal if it is a figure, text otherwise; None if the field is empty. Two facts are equal if and only if
        their values are.
    text: how a text value is displayed; empty to show the value itself.
    unit: the unit of a quantity, or the unit of a price. currency: of an amount or a price.
    is_default: whether it is the field's default, which is not reported for a row that was added.
    """

    label: str
    value: Decimal | str | None
    measure: Measure = "word"
    unit: str = ""
    currency: str = ""
    text: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class VersionNode:
    """
    A row of a version with its facts, and the rows below it in their order.

    key: identifies it among its siblings, also in the other version.
    name: its name in a sentence; empty if the name of its parent is enough.
    """

    kind: str
    key: str
    name: str
    facts: Mapping[str, FieldFact]
    parts: tuple["VersionNode", ...] = ()


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """
    One difference.

    kind: "changed", "added", "removed" or "ordered". path: the rows that lead to it, outermost first.
    label: the changed fact, or the kind of row. field: the changed field's name; empty unless a field changed.
    percent: the change of a figure, in percent of the former one.
    """

    kind: Literal["changed", "added", "removed", "ordered"]
    path: tuple[str, ...]
    label: str
    before: str
    after: str
    field: str = ""
    percent: Decimal | None = None

    @property
    def subject(self) -> str:
        """The rows and the fact concerned, such as “LLM tokens · gpt-4o input: unit price”."""
        return ": ".join(filter(None, [" · ".join(self.path), self.label if self.kind == "changed" else ""]))

    def relative_subject(self, heading: str) -> str:
        """Return the subject without the outermost row if a heading names it already."""
        path = self.path[1:] if heading else self.path
        label = (
            self.label if self.kind == "changed" or not path else f"order of {self.label}" * (self.kind == "ordered")
        )
        return ": ".join(filter(None, [" · ".join(path), label])) or self.label

    @property
    def text(self) -> str:
        """The difference as a sentence without its full stop."""
        if self.kind in ("changed", "ordered"):
            subject = self.subject if self.kind == "changed" else f"{self.subject}: order of {self.label}"
            return f"{subject}: {self.before} → {self.after}" + (f" ({self.change})" if self.change else "")
        contents = self.before or self.after
        return f"{self.subject}: {self.label} {self.kind}" + (f" ({contents})" if contents else "")

    @property
    def change(self) -> str:
        """The change in percent, such as “+20%”; empty if it has none."""
        return "" if self.percent is None else f"{format_signed(self.percent)}%"

    @property
    def mark(self) -> str:
        """“new” or “gone” for a whole row; empty for a single fact."""
        return {"added": "new", "removed": "gone"}.get(self.kind, "")


def compare(before: VersionNode, after: VersionNode) -> tuple[VersionDifference, ...]:
    """Return all differences between two versions, in the order of the second one."""
    return tuple(_compare(before, after, ()))


def _compare(before: VersionNode, after: VersionNode, path: tuple[str, ...]) -> Iterator[VersionDifference]:
    for name in dict.fromkeys([*before.facts, *after.facts]):
        old, new = before.facts.get(name), after.facts.get(name)
        if (old and old.value) != (new and new.value):
            yield _field_difference(path, name, old, new)
    old_parts = {(part.kind, part.key): part for part in before.parts}
    new_parts = {(part.kind, part.key): part for part in after.parts}
    yield from _order_differences(path, old_parts, new_parts)
    for key, part in new_parts.items():
        inner = (*path, part.name) if part.name else path
        if key in old_parts:
            yield from _compare(old_parts[key], part, inner)
        else:
            yield from _row_differences("added", part, inner)
    for key, part in old_parts.items():
        if key not in new_parts:
            yield from _row_differences("removed", part, (*path, part.name) if part.name else path)


def _field_difference(
    path: tuple[str, ...], name: str, old: FieldFact | None, new: FieldFact | None
) -> VersionDifference:
    label = next(fact.label for fact in (new, old) if fact is not None)
    before, after = _format_change(old, new)
    return VersionDifference("changed", path, label, before, after, name, _percent_change(old, new))


def _row_differences(
    kind: Literal["added", "removed"], node: VersionNode, path: tuple[str, ...]
) -> Iterator[VersionDifference]:
    facts = [fact for fact in node.facts.values() if not fact.is_default and fact.value != node.name]
    contents = ", ".join(f"{fact.label} {format_fact(fact)}".lstrip() for fact in facts)
    before, after = (contents, "") if kind == "removed" else ("", contents)
    if contents or node.name or not node.parts:  # a row without facts of its own is reported by its parts
        yield VersionDifference(kind, path, node.kind, before, after)
    for part in node.parts:
        yield from _row_differences(kind, part, (*path, part.name) if part.name else path)


def _order_differences(
    path: tuple[str, ...], before: Mapping[tuple[str, str], VersionNode], after: Mapping[tuple[str, str], VersionNode]
) -> Iterator[VersionDifference]:
    """
    Yield a difference for each kind of row whose order changed; rates consume the allowance in their listed order.
    """
    for kind in dict.fromkeys(node.kind for node in after.values()):
        old_nodes = [node for key, node in before.items() if key in after and node.kind == kind]
        new_nodes = [node for key, node in after.items() if key in before and node.kind == kind]
        if [node.key for node in old_nodes] != [node.key for node in new_nodes]:
            old_order, new_order = (
                ", ".join(node.name or node.key for node in nodes) for nodes in (old_nodes, new_nodes)
            )
            yield VersionDifference("ordered", path, pluralize(kind), old_order, new_order)


# Words and figures ------------------------------------------------------------------------------------------------


def format_fact(fact: FieldFact | None) -> str:
    """Return a fact as text with its unit: “$2.50 per million tokens”, “200 calls”, “by the day”."""
    if fact is None or fact.value is None or fact.value == "":
        return NOTHING
    if not isinstance(fact.value, Decimal):
        return fact.text or fact.value
    if fact.measure == "each":
        (amount,), per_unit = format_prices([fact])
        return amount + per_unit
    return _format_figure(fact, fact.value)


def _format_change(old: FieldFact | None, new: FieldFact | None) -> tuple[str, str]:
    """Return both sides of a change. Prices are shown per the same number of units, which is stated once."""
    facts = [fact for fact in (old, new) if fact is not None and fact.value is not None and fact.measure == "each"]
    if len(facts) < 2 or facts[0].unit != facts[1].unit:
        return format_fact(old), format_fact(new)
    (before, after), per_unit = format_prices(facts)
    return before, after + per_unit


def format_prices(facts: Sequence[FieldFact], *, factor: int = 0) -> tuple[list[str], str]:
    """
    Return the amounts of prices of the same unit, for the same number of units each, and that number once: “$2.50”,
    “¥375” and “ per million tokens”. An empty price is “none”.

    factor: the number of units; by default the one that suits the lowest price.
    """
    prices = [fact.value for fact in facts if isinstance(fact.value, Decimal)]
    factor = factor or unit_factor(prices)
    amounts = [
        format_money(fact.value * factor, fact.currency) if isinstance(fact.value, Decimal) else NOTHING
        for fact in facts
    ]
    return amounts, _per_unit_text(facts[0].unit, factor) if prices else ""


def _format_figure(fact: FieldFact, value: Decimal) -> str:
    if fact.measure == "money":
        return format_money(value, fact.currency)
    if fact.measure == "percent":
        return f"{format_number(value)}%"
    return format_units(value, fact.unit) if fact.measure == "units" and fact.unit else format_number(value)


def unit_factor(prices: Iterable[Decimal]) -> int:
    """Return the number of units, 1, 1,000 or a million, for which even the lowest of these prices is readable."""
    least = min((price for price in prices if price), default=Decimal(1))
    return next((factor for factor in (1, 1_000) if least * factor >= LEAST_SHOWN), 1_000_000)


def _per_unit_text(unit: str, factor: int) -> str:
    multiple = {1: "", 1_000: "1,000 ", 1_000_000: "million "}[factor]
    return (
        f" per {multiple}{pluralize(unit) if multiple else unit}"
        if unit
        else (f" per {multiple}units" if multiple else "")
    )


def _percent_change(old: FieldFact | None, new: FieldFact | None) -> Decimal | None:
    """Return the change of a figure in percent; None if it was zero or is not a figure."""
    if old is None or new is None or not isinstance(old.value, Decimal) or not isinstance(new.value, Decimal):
        return None
    return percent_change(old.value, new.value)


def percent_change(before: Decimal, after: Decimal) -> Decimal | None:
    """Return the change from `before` to `after` in percent, to one decimal place; None if `before` is zero."""
    if not before:
        return None
    # The default context has too few digits for the change from the smallest price to the largest.
    change = HALF_UP.multiply(HALF_UP.subtract(after, before), Decimal(100))
    return HALF_UP.divide(change, abs(before)).quantize(Decimal("0.1"), context=HALF_UP)


def format_signed(percent: Decimal) -> str:
    """Return a percentage with its sign, a true minus sign and no padding zeros: “+20”, “−12.5”."""
    return f"{'−' if percent < 0 else '+'}{format_number(abs(percent).normalize())}"
