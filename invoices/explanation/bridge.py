"""The bridge from a former invoice to this one: steps that sum to the difference of their totals."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from invoices.explanation.facts import ExplainedInvoice, ExplainedLine
from invoices.explanation.line_prices import FeePrice, UsagePrice, priced_quantity, stated_price
from invoices.explanation.parts import has_units
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money

# Notes of a usage line that may differ under the same published rate: agreed terms, a trial, and the wallet.
_TERMS = ("agreed", "trial", "wallet")
PRICED = frozenset({"fee", "usage"})
"""Kinds of lines that have a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStep:
    """
    A step of the bridge.

    effect: quantity, price, new, ended, change (of both, not told apart), discount, tax or rest.
    label: of the line. unit: of its quantities. before, after: the quantities on the two invoices, if a step has any.
    count: the number of steps in a rest.
    """

    effect: str
    amount: Decimal
    label: str = ""
    unit: str = ""
    is_usage: bool = False
    before: Decimal | None = None
    after: Decimal | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Bridge:
    """
    The way from a former invoice's total to another one.

    steps: those with an amount, which sum to `difference`. has_same_prices: whether each charge on both invoices has
    the same price on both.
    """

    former_id: int
    former_number: str
    former_date: date | None
    former_total: Decimal
    total: Decimal
    steps: tuple[BridgeStep, ...]
    has_same_prices: bool

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.total, self.former_total)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Charge:
    """The lines of one identity on both invoices; either may be missing."""

    before: list[ExplainedLine]
    after: list[ExplainedLine]

    @property
    def line(self) -> ExplainedLine:
        return (self.after or self.before)[0]

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(_sum(self.after), _sum(self.before))

    @property
    def is_on_both(self) -> bool:
        return bool(self.before and self.after)

    @property
    def is_priced(self) -> bool:
        return self.line.kind in PRICED


def build_bridge(former: ExplainedInvoice, invoice: ExplainedInvoice) -> Bridge:
    """
    Return the steps between two invoices in the same currency.

    Where a charge has the same price on both, its difference is one of quantity. Otherwise, if both lines state their
    prices, the difference is split: the new quantity at the former price, then the rest for the new price.

    Source: docs/invoices.md#bridge.
    """
    charges = _match(former, invoice)
    priced = [(charge, _quantity_effect(charge, invoice.currency)) for charge in charges]
    steps = [step for charge, by_quantity in priced for step in _steps(charge, by_quantity)]
    # Prices that include tax leave it in their lines.
    taxes = [ZERO if document.includes_tax else document.tax for document in (former, invoice)]
    steps.append(BridgeStep(effect="tax", amount=EXACT.subtract(taxes[1], taxes[0])))
    compared = [(charge, by_quantity) for charge, by_quantity in priced if charge.is_on_both and charge.is_priced]
    return Bridge(
        former_id=former.id,
        former_number=former.number,
        former_date=former.issue_date,
        former_total=former.total,
        total=invoice.total,
        steps=tuple(step for step in _merge(steps, charges) if step.amount),
        has_same_prices=bool(compared) and all(by_quantity == charge.difference for charge, by_quantity in compared),
    )


def fold_steps(steps: Sequence[BridgeStep], *, most: int) -> tuple[BridgeStep, ...]:
    """Return at most that many steps of the same sum: the smallest become a rest."""
    if len(steps) <= most:
        return tuple(steps)
    by_weight = sorted(range(len(steps)), key=lambda place: abs(steps[place].amount))
    folded = frozenset(by_weight[: len(steps) - most + 1])
    kept = tuple(step for place, step in enumerate(steps) if place not in folded)
    amount = exact_sum(steps[place].amount for place in folded)
    return (*kept, BridgeStep(effect="rest", amount=amount, count=len(folded)))


def _match(former: ExplainedInvoice, invoice: ExplainedInvoice) -> list[_Charge]:
    """Return the charges of both invoices, in this invoice's order; those of the former alone follow."""
    # A subscription has a heading only on an invoice of several.
    has_sections = all(any(line.section for line in document.lines) for document in (former, invoice))
    charges: dict[Hashable, _Charge] = {}
    for document in (invoice, former):
        for line in document.lines:
            key = (line.section if has_sections else "", *line.identity)
            charge = charges.setdefault(key, _Charge(before=[], after=[]))
            (charge.after if document is invoice else charge.before).append(line)
    return list(charges.values())


def _steps(charge: _Charge, by_quantity: Decimal | None) -> Iterator[BridgeStep]:
    if charge.line.kind == "coupon":
        yield BridgeStep(effect="discount", amount=charge.difference, label=charge.line.label)
    elif not charge.is_on_both:
        yield _step(charge, "ended" if charge.before else "new", charge.difference)
    elif by_quantity is None:
        yield _step(charge, "change", charge.difference)
    else:
        yield _step(charge, "quantity", by_quantity)
        yield _step(charge, "price", EXACT.subtract(charge.difference, by_quantity))


def _step(charge: _Charge, effect: str, amount: Decimal) -> BridgeStep:
    line, is_usage = charge.line, _has_units(charge)
    if not line.unit or not (is_usage or line.kind == "fee"):
        return BridgeStep(effect=effect, amount=amount, label=line.label)
    return BridgeStep(
        effect=effect,
        amount=amount,
        label=line.label,
        unit=line.unit,
        is_usage=is_usage,
        before=exact_sum(each.quantity for each in charge.before),
        after=exact_sum(each.quantity for each in charge.after),
    )


def _has_units(charge: _Charge) -> bool:
    return all(has_units(line) for line in (*charge.before, *charge.after))


def _quantity_effect(charge: _Charge, currency: str) -> Decimal | None:
    """Return the part of the difference that the quantity explains; None if the lines don't tell."""
    if _has_same_price(charge):
        return charge.difference
    if len(charge.before) != 1 or len(charge.after) != 1:
        return None
    (before,), (after,) = charge.before, charge.after
    price, quantity = stated_price(before, currency), priced_quantity(after)
    if price is None or quantity is None or not _is_priced_alike(price, before, after, currency):
        return None
    amount = price.amount_of(quantity)
    return None if amount is None else EXACT.subtract(round_money(amount, currency), before.amount)


def _is_priced_alike(
    price: FeePrice | UsagePrice, before: ExplainedLine, after: ExplainedLine, currency: str
) -> bool:
    """
    Return whether the later line states a price of the same kind, so that the rest of the difference is one of price.

    Units that a fee includes are no longer in its quantity, so they must be the same.
    """
    has_same_included = before.kind != "fee" or _fee_terms(before)[1] == _fee_terms(after)[1]
    return has_same_included and type(stated_price(after, currency)) is type(price)


def _has_same_price(charge: _Charge) -> bool:
    """
    Return whether all lines have one price: a published rate never changes, and a fee's line states it.
    """
    lines = [*charge.before, *charge.after]
    if any("cumulative" in line.explanation for line in lines) or not charge.is_on_both:
        return False
    if charge.line.kind == "fee":
        return "fee" in charge.line.explanation and len({_fee_terms(line) for line in lines}) == 1
    return charge.line.kind == "usage" and charge.line.rate_id is not None and _have_same_terms(lines)


def _fee_terms(line: ExplainedLine) -> tuple[str, str]:
    return str(line.explanation.get("fee", "")), str(line.explanation.get("included", 0))


def _have_same_terms(lines: Sequence[ExplainedLine]) -> bool:
    terms = [(line.rate_id, *(line.explanation.get(name) for name in _TERMS)) for line in lines]
    return all(each == terms[0] for each in terms)


def _merge(steps: Sequence[BridgeStep], charges: Sequence[_Charge]) -> list[BridgeStep]:
    """
    Return the steps with those of one effect and unit, or label, as one.

    The quantities of a unit are those of all usage in it that is on both invoices, also where an amount is unchanged.
    """
    merged: dict[Hashable, BridgeStep] = {}
    for step in steps:
        by_unit = step.is_usage and step.effect in ("quantity", "price")
        key = (step.effect, "" if by_unit else step.label, step.unit)
        known = merged.get(key)
        merged[key] = step if known is None else _add(known, step)
    used = _quantities_by_unit(charges)
    return [
        replace(step, before=used[step.unit][0], after=used[step.unit][1])
        if step.is_usage and step.effect in ("quantity", "price")
        else step
        for step in merged.values()
    ]


def _add(step: BridgeStep, other: BridgeStep) -> BridgeStep:
    before, after = (
        None if None in pair else exact_sum(quantity or ZERO for quantity in pair)
        for pair in ((step.before, other.before), (step.after, other.after))
    )
    return replace(step, amount=EXACT.add(step.amount, other.amount), before=before, after=after)


def _quantities_by_unit(charges: Sequence[_Charge]) -> dict[str, tuple[Decimal, Decimal]]:
    """Return unit → the usage in it on the former invoice and on this one, of charges that are on both."""
    used: dict[str, tuple[Decimal, Decimal]] = {}
    for charge in charges:
        if charge.is_on_both and _has_units(charge):
            before, after = used.get(charge.line.unit, (ZERO, ZERO))
            used[charge.line.unit] = (
                exact_sum((before, *(line.quantity for line in charge.before))),
                exact_sum((after, *(line.quantity for line in charge.after))),
            )
    return used


def _sum(lines: Sequence[ExplainedLine]) -> Decimal:
    return exact_sum(line.amount for line in lines)
