"""The parts of an invoice: amounts that sum to its total, few enough for a sentence."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoices.explanation.facts import ExplainedInvoice, ExplainedLine
from lib.decimals import EXACT, ZERO, exact_sum

MAX_PARTS = 7
"""Parts of a sentence; the smallest of more become one."""

MAX_TAXES = 2
"""Taxes with a part of their own; more become one."""

FEES = frozenset({"fee", "proration"})
_ORDER = {"fee": 0, "usage": 1, "other": 2, "discount": 3, "tax": 4, "rest": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    A part of an invoice's total.

    kind: fee, usage, other, discount, tax or rest (several small parts).
    label: of its line; empty for a rest and for several taxes. quantity, unit: empty where none explains the amount.
    is_extra: whether the quantity is what exceeded an allowance. rate: of a tax, in percent.
    count: the number of parts in a rest, or of lines.
    """

    kind: str
    amount: Decimal
    label: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    is_extra: bool = False
    rate: Decimal | None = None
    count: int = 1


def invoice_parts(invoice: ExplainedInvoice) -> tuple[Part, ...]:
    """
    Return the parts of an invoice; they sum to its total exactly. Parts of zero are left out.

    Lines with the same label, and usage in the same unit, are one part. On an invoice of several subscriptions, each
    subscription is one.

    Source: docs/invoices.md#explanation.
    """
    lines = [line for line in invoice.lines if line.amount]
    has_sections = len({line.section for line in lines if line.section}) > 1
    groups: dict[Hashable, list[ExplainedLine]] = {}
    for line in lines:
        groups.setdefault(("section", line.section) if has_sections and line.section else group_key(line), []).append(
            line
        )
    parts = [
        _section_part(grouped) if has_sections and grouped[0].section else _part(grouped)
        for grouped in groups.values()
    ]
    parts += _tax_parts(invoice)
    shown_parts = (part for part in parts if part.amount)
    return tuple(sorted(shown_parts, key=lambda part: _ORDER[part.kind]))


def fold(parts: Sequence[Part], *, most: int = MAX_PARTS) -> tuple[Part, ...]:
    """Return at most that many parts of the same sum: the smallest become a rest, the taxes last of all."""
    if len(parts) <= most:
        return tuple(parts)
    by_weight = sorted(range(len(parts)), key=lambda place: (parts[place].kind == "tax", abs(parts[place].amount)))
    folded = frozenset(by_weight[: len(parts) - most + 1])
    kept = tuple(part for place, part in enumerate(parts) if place not in folded)
    amount = exact_sum(parts[place].amount for place in folded)
    return (*kept, Part(kind="rest", amount=amount, count=len(folded)))


def group_key(line: ExplainedLine) -> tuple[str, ...]:
    """Return the key of the lines that are one part."""
    if has_units(line):
        return "units", line.unit
    return line.kind, line.label, line.unit


def has_units(line: ExplainedLine) -> bool:
    """
    Return whether a usage line's quantity, with its unit, says what its amount is for.

    Not that of a minimum without usage, nor of late usage, whose amount is a difference.
    """
    return line.kind == "usage" and bool(line.unit) and line.quantity > 0 and "cumulative" not in line.explanation


def _section_part(lines: Sequence[ExplainedLine]) -> Part:
    return Part(kind="other", amount=_sum(lines), label=lines[0].section, count=len(lines))


def _part(lines: Sequence[ExplainedLine]) -> Part:
    line, amount = lines[0], _sum(lines)
    if line.kind == "coupon":
        return Part(kind="discount", amount=amount, label=line.label, count=len(lines))
    if line.kind in FEES:
        return _fee_part(lines, amount)
    if not has_units(line):
        return Part(kind="other", amount=amount, label=line.label, count=len(lines))
    has_allowance = any(_included(line) for line in lines)
    quantities = (_billable(line) if has_allowance else line.quantity for line in lines)
    quantity = exact_sum(quantities)
    if quantity <= 0:  # a minimum within the allowance
        return Part(kind="other", amount=amount, label=line.label, count=len(lines))
    return Part(
        kind="usage",
        amount=amount,
        label=line.label,
        quantity=quantity,
        unit=line.unit,
        is_extra=all(_included(line) for line in lines),
        count=len(lines),
    )


def _fee_part(lines: Sequence[ExplainedLine], amount: Decimal) -> Part:
    line, quantity, is_extra = lines[0], None, False
    if line.kind == "fee" and line.unit and len(lines) == 1:
        is_extra = _included(line) > 0
        quantity = EXACT.subtract(line.quantity, _included(line))
    if quantity is None or quantity <= 0:
        return Part(kind="fee", amount=amount, label=line.label, count=len(lines))
    return Part(kind="fee", amount=amount, label=line.label, quantity=quantity, unit=line.unit, is_extra=is_extra)


def _tax_parts(invoice: ExplainedInvoice) -> Iterator[Part]:
    taxes = [tax for tax in invoice.taxes if tax.amount]
    if invoice.includes_tax:
        return
    if len(taxes) > MAX_TAXES:
        yield Part(kind="tax", amount=exact_sum(tax.amount for tax in taxes), count=len(taxes))
        return
    for tax in taxes:
        yield Part(kind="tax", amount=tax.amount, label=tax.name, rate=tax.rate)


def _included(line: ExplainedLine) -> Decimal:
    return Decimal(str(line.explanation.get("included", ZERO)))


def _billable(line: ExplainedLine) -> Decimal:
    return Decimal(str(line.explanation.get("billable", line.quantity)))


def _sum(lines: Iterable[ExplainedLine]) -> Decimal:
    return exact_sum(line.amount for line in lines)
