"""The coupons of a scenario in our terms."""

from collections.abc import Iterator
from decimal import Decimal

from tests.builders import make_coupon
from tests.golden.cases import Case
from tests.golden.plan_setup import BASE_FEE


def make_coupons(case: Case) -> list[str]:
    """
    Make the coupons that a case's customer has, and return their codes in the order of application.

    Where the setup does not say what is discounted, the discount lines that the case expects do.
    """
    about = case["setup"]["customer"]
    if "discount_percent" in about:
        return [make_coupon("ALL", percent=about["discount_percent"], duration="forever").code]
    return [*_coupons_of_lines(case)]


def _coupons_of_lines(case: Case) -> Iterator[str]:
    """Yield a coupon for each discount line, which stands below the line of the fee or the charge that it is for."""
    for invoice in case["expected"].get("invoices", ()):
        metrics = (charge["metric"] for plan in case["setup"]["plans"] for charge in plan["charges"])
        target: dict[str, list[str]] = {}
        for number, line in enumerate(invoice.get("lines", ())):
            if line["kind"] == "plan":
                target = {"fees": [BASE_FEE]}
            elif line["kind"] == "usage":
                target = {"features": [next(metrics, "")]}
            elif line["kind"] == "discount":
                share = Decimal(line["calc"].rpartition("*")[2])  # "-200*0.5"
                yield make_coupon(f"LINE-{number}", percent=share * 100, duration="forever", **target).code
