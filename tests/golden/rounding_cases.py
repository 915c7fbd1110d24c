"""Runs a case of rounding.json by our own functions, by its kind."""

from collections.abc import Callable
from decimal import Decimal

from invoices.amounts.totals import Tax, Totals, total_up
from lib.decimals import ZERO
from lib.money import UnknownCurrency, minor_unit, round_money
from plans.pricing.charge_models import PerUnit
from plans.pricing.discounts import DiscountableLine, DiscountTerms, apply_discounts
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from tests.golden.case_figures import Figures
from tests.golden.cases import Case


def figures(case: Case) -> Figures:
    """Return a case's amounts as we round them."""
    return RUNNERS[case["kind"]](case)


def places(code: str) -> str:
    try:
        return str(-int(minor_unit(code).as_tuple().exponent))
    except UnknownCurrency:
        return "unknown"


def currency_precision(case: Case) -> Figures:
    return {"precision": {code: places(code) for code in case["expected"]["precision"]}}


def round_amount(case: Case) -> Figures:
    return {"amount": round_money(Decimal(case["params"]["amount"]), case["currency"])}


def round_product(case: Case) -> Figures:
    price = PerUnit(Decimal(case["params"]["unit_amount"]))
    terms = PriceTerms(case["currency"], (RateTerms(1, (), price),))
    return {"amount": rate_usage(terms, {1: Decimal(case["params"]["quantity"])}).invoiced_amount}


def sum_of_rounded(case: Case) -> Figures:
    lines = [Decimal(line) for line in case["params"]["lines"]]
    return {
        "total": sum(round_money(line, case["currency"]) for line in lines),
        "sum_then_round": round_money(sum(lines, ZERO), case["currency"]),
    }


def sum_of_rounded_repeat(case: Case) -> Figures:
    line = round_money(Decimal(case["params"]["line"]), case["currency"])
    return {"total": line * int(case["params"]["count"])}


def totals(case: Case) -> Totals:
    """Return an invoice's totals for the case's amount; a discount is a negative line under the same tax."""
    params = case["params"]
    rate = Tax("VAT", Decimal(params["tax_percent"]))
    lines = [Decimal(params["amount"]), -Decimal(params.get("discount", 0))]
    return total_up([(line, rate) for line in lines], case["currency"])


def tax(case: Case) -> Figures:
    return {"tax": totals(case).tax, "total": totals(case).total}


def multi_tax(case: Case) -> Figures:
    """Tax one line by several taxes, each rounded on its own."""
    taxes = [Tax(f"tax {number}", Decimal(rate)) for number, rate in enumerate(case["params"]["tax_percents"])]
    document_totals = total_up([(Decimal(case["params"]["amount"]), *taxes)], case["currency"])
    return {"taxes": [tax.amount for tax in document_totals.taxes], "total": document_totals.tax}


def repeat_tax(case: Case) -> Figures:
    return {"total": totals(case).tax * int(case["params"]["count"])}


def spread_discount(case: Case) -> Figures:
    """Limit a discount to the discountable amount, and allocate it to the lines in proportion."""
    lines = [Decimal(line) for line in case["params"]["lines"]]
    claims = [DiscountableLine(number, line) for number, line in enumerate(lines)]
    (taken,) = apply_discounts([DiscountTerms(amount=Decimal(case["params"]["discount"]))], claims, case["currency"])
    return {"lines": [line - share for line, share in zip(lines, taken.shares, strict=True)]}


def described(coupon: dict[str, str]) -> DiscountTerms:
    value = Decimal(coupon["value"])
    return DiscountTerms(percent=value) if coupon["type"] == "percentage" else DiscountTerms(amount=value)


def discount(case: Case) -> Figures:
    amount = Decimal(case["params"]["amount"])
    claim = DiscountableLine(1, round_money(amount, case["currency"]))
    (taken,) = apply_discounts([described(case["params"])], [claim], case["currency"])
    return {"discount": taken.total, "final": amount - taken.total}


def coupons(case: Case) -> Figures:
    claim = DiscountableLine(1, Decimal(case["params"]["subtotal"]))
    taken = apply_discounts([described(coupon) for coupon in case["params"]["coupons"]], [claim], case["currency"])
    return {"discount": sum((discount_result.total for discount_result in taken), ZERO)}


RUNNERS: dict[str, Callable[[Case], Figures]] = {
    "currency_precision": currency_precision,
    "round_amount": round_amount,
    "round_product": round_product,
    "sum_of_rounded": sum_of_rounded,
    "sum_of_rounded_repeat": sum_of_rounded_repeat,
    "tax": tax,
    "discount_then_tax": tax,
    "multi_tax": multi_tax,
    "repeat_tax": repeat_tax,
    "spread_discount": spread_discount,
    "discount": discount,
    "discount_only": discount,
    "coupons": coupons,
}
