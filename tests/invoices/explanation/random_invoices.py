"""Random invoices: their usage is rated, their fees prorated and their totals summed by the product's arithmetic."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from fractions import Fraction
from random import Random
from typing import Any

from invoices.amounts.totals import Tax, total_up
from invoices.explanation.facts import ExplainedInvoice, ExplainedLine, ExplainedTax
from lib.money import minor_unit, round_money
from plans.pricing.charge_models import Graduated, Package, PerUnit, PriceTier, Volume
from plans.pricing.discounts import DiscountableLine, DiscountTerms, apply_discounts
from plans.pricing.proration import prorate
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage

CURRENCIES = ("USD", "EUR", "JPY", "KWD")
UNITS = ("token", "request", "seat", "GB", "widget")
TAXES = (Tax("VAT", D(19)), Tax("VAT", D(7)), Tax("State tax", D("6.25")), Tax("VAT", D(0), "Reverse charge"))


def random_pair(seed: int) -> tuple[ExplainedInvoice, ExplainedInvoice]:
    """Return two invoices of one subscription: the second has other usage, and sometimes other prices."""
    random = Random(seed)
    currency, includes_tax = random.choice(CURRENCIES), random.random() < 0.2
    prices = [_price(random, currency) for _ in range(random.randint(0, 6))]
    fees = [_fee(random, currency, number) for number in range(random.randint(0, 4))]
    taxes = random.sample(TAXES, random.randint(1, 3))
    invoices = []
    for id_ in (1, 2):
        version = 1 if id_ == 1 or random.random() < 0.6 else 2
        rated_prices = prices if version == 1 else [_changed(random, price) for price in prices]
        lines = [
            *(_fee_line(random, fee, currency, version) for fee in fees if random.random() < 0.9),
            *(
                line
                for number, price in enumerate(rated_prices)
                if random.random() < 0.9
                for line in _usage_lines(random, price, currency, number, version)
            ),
            *_other_lines(random, currency),
        ]
        lines = _in_sections(random, lines)
        invoices.append(_invoice(random, id_, lines, taxes, currency, includes_tax=includes_tax))
    return invoices[0], invoices[1]


def _money(random: Random, currency: str, most: int = 900) -> D:
    return D(random.randint(1, most * 100)) * minor_unit(currency)


def _quantity(random: Random) -> D:
    return random.choice(
        (
            D(random.randint(0, 40)),
            D(random.randint(0, 10 ** random.randint(1, 10))),
            D(random.randint(1, 10**6)).scaleb(-3),
        )
    )


def _price(random: Random, currency: str) -> dict[str, Any]:
    def unit_price() -> D:
        return D(random.randint(1, 5_000)).scaleb(-random.randint(2, 8))

    bounds = sorted(random.sample(range(1, 5_000), random.randint(0, 3)))
    tiers = tuple(
        PriceTier(bound, unit_price(), random.choice((D(0), D(random.randint(1, 9)))), random.choice((None, D(50))))
        for bound in [*map(D, bounds), None]
    )
    charge = random.choice(
        (PerUnit(unit_price()), Graduated(tiers), Volume(tiers), Package(D(100), unit_price(), "up"))
    )
    return {
        "charge": charge,
        "unit": random.choice(UNITS),
        "included": random.choice((D(0), D(300))),
        "currency": currency,
    }


def _changed(random: Random, price: dict[str, Any]) -> dict[str, Any]:
    return {**price, "charge": PerUnit(D(random.randint(1, 500)).scaleb(-4))} if random.random() < 0.5 else price


def _fee(random: Random, currency: str, number: int) -> dict[str, Any]:
    unit = random.choice(("", "seat"))
    return {
        "code": f"fee-{number}",
        "amount": _money(random, currency),
        "unit": unit,
        "included": random.choice((0, 3)),
    }


def _usage_lines(
    random: Random, price: dict[str, Any], currency: str, number: int, version: int
) -> list[ExplainedLine]:
    terms = PriceTerms(
        currency,
        (RateTerms(1, (), price["charge"]),),
        included=price["included"],
        minimum=random.choice((None, None, D(5))),
    )
    rating = rate_usage(terms, {1: _quantity(random)})
    rated_lines = [*rating.lines, *([rating.bound.line] if rating.bound else [])]
    return [
        ExplainedLine(
            kind=random.choice(("usage",) * 6 + ("late_usage",)),
            label=f"Feature {number}" if not rated.label else f"Feature {number}: {rated.label}",
            quantity=rated.quantity,
            unit=price["unit"],
            amount=round_money(rated.amount, currency),
            explanation=rated.as_json(),
            subject=f"feature:{number}:{rated.label}",
            rate_id=10 * number + version if not rated.label else None,
        )
        for rated in rated_lines
    ]


def _fee_line(random: Random, fee: dict[str, Any], currency: str, version: int) -> ExplainedLine:
    price = fee["amount"] if version == 1 or random.random() < 0.5 else fee["amount"] + minor_unit(currency)
    share = random.choice((Fraction(1), Fraction(1), Fraction(17, 31)))
    workings: dict[str, Any] = {"fee": format(price, "f"), "share": str(share)}
    quantity, amount = 1, prorate(price, share, currency)
    if fee["unit"]:
        quantity = random.randint(0, 40)
        billable = max(quantity - fee["included"], 0)
        amount = round_money(Fraction(price) * billable * share, currency)
        segment = {"quantity": str(quantity), "billable": str(billable), "share": str(share)}
        workings = {"fee": format(price, "f"), "included": str(fee["included"]), "segments": [segment]}
    return ExplainedLine(
        kind="fee",
        label=fee["code"].replace("-", " "),
        quantity=D(quantity),
        unit=fee["unit"],
        amount=amount,
        explanation=workings,
        subject=f"fee:plan:{fee['code']}",
    )


def _other_lines(random: Random, currency: str) -> list[ExplainedLine]:
    kinds = random.sample(("true_up", "proration", "one_off", "credit_pack", "surcharge"), random.randint(0, 3))
    return [
        ExplainedLine(
            kind=kind,
            label=f"Line of {kind}",
            quantity=D(1),
            unit="",
            amount=-_money(random, currency, 9) if kind == "proration" else _money(random, currency),
            explanation={},
        )
        for kind in kinds
    ]


def _in_sections(random: Random, lines: list[ExplainedLine]) -> list[ExplainedLine]:
    if random.random() < 0.85:
        return lines
    middle = len(lines) // 2
    return [replace(line, section="alpha" if place < middle else "beta") for place, line in enumerate(lines)]


def _invoice(
    random: Random, id_: int, lines: list[ExplainedLine], taxes: list[Tax], currency: str, *, includes_tax: bool
) -> ExplainedInvoice:
    taxed = [(line.amount, random.choice(taxes)) for line in lines]
    if total_up(taxed, currency, includes_tax=includes_tax).total < 0:  # the database refuses such an invoice
        kept = [place for place, line in enumerate(lines) if line.amount >= 0]
        lines, taxed = [lines[place] for place in kept], [taxed[place] for place in kept]
    discounts = [DiscountTerms(percent=D(random.randint(1, 100)))] if random.random() < 0.3 else []

    def fits(amounts: Any) -> bool:
        pairs = [(amount, tax) for amount, (_, tax) in zip(amounts, taxed, strict=True)]
        return total_up(pairs, currency, includes_tax=includes_tax).total >= 0

    places = [DiscountableLine(place, line.amount) for place, line in enumerate(lines)]
    for discount in apply_discounts(discounts, places, currency, is_allowed=fits):
        by_tax: dict[Tax, D] = {}
        for (_, tax), share in zip(list(taxed), discount.shares, strict=True):
            by_tax[tax] = by_tax.get(tax, D(0)) + share
        for tax, share in by_tax.items():
            workings = {"coupon": "SPRING"}
            coupon = ExplainedLine(
                kind="coupon", label="Spring (SPRING)", quantity=D(1), unit="", amount=-share, explanation=workings
            )
            lines = [*lines, coupon]
            taxed.append((-share, tax))
    sums = total_up(taxed, currency, includes_tax=includes_tax)
    return ExplainedInvoice(
        id=id_,
        number=f"INV-{id_}",
        issue_date=date(2026, 9 + id_, 1),
        is_credit_note=False,
        currency=currency,
        includes_tax=includes_tax,
        tax=sums.tax,
        total=sums.total,
        lines=tuple(lines),
        taxes=tuple(ExplainedTax(each.tax.name, each.tax.rate, each.amount) for each in sums.taxes),
    )
