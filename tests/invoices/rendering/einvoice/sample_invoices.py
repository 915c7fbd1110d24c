"""Facts of invoices and credit notes of every kind that the standard has a rule for."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from invoices.amounts.totals import Tax, total_up
from invoices.rendering.invoice_facts import Branding, InvoiceFacts, LineFacts, SettledAmount, TaxFacts
from plans.pricing.charge_models import PerUnit
from tests.invoices.rendering.samples import BUYER, SELLER, every_model, fee, invoice, usage_line

D = Decimal
LOOK = Branding(
    company_number="HRB 99999 B",
    iban="DE02120300000000202051",
    bic="BYLADEM1001",
    payment_terms="Payable within 14 days.",
    notes="Thank you for your business.",
    e_invoices="always",
)
GERMAN = replace(BUYER, country="DE", tax_number="DE811907980")
SWISS = replace(BUYER, country="CH", tax_number="CHE-116.281.710 MWST")
PRIVATE = replace(BUYER, tax_number="")
AMERICAN = replace(SELLER, country="US", region="NY", tax_number="00-1234567")
NO_ONE = replace(AMERICAN, tax_number="")
KOREAN_WON = {"currency": "KRW", "buyer": replace(BUYER, country="KR", tax_number="")}
COUPON = {"coupon": "TEN", "percent": "10", "of": "19.00", "taken": "1.90", "formula": "10% of 19.00"}
TRUE_UP = {"promised": "100", "spent": "40", "formula": "100 − 40"}


def document(*lines: LineFacts, rates: Iterable[str] = (), **fields: object) -> InvoiceFacts:
    """Return an issued invoice, each line taxed at the rate of its position; the last rate repeats."""
    tax_rates = [D(rate) for rate in rates] or [D(19)]
    rated = [replace(line, tax_rate=tax_rates[min(place, len(tax_rates) - 1)]) for place, line in enumerate(lines)]
    currency = str(fields.get("currency", "EUR"))
    reason = str(fields.pop("tax_reason", ""))
    totals = total_up([(line.amount, Tax("VAT", line.tax_rate, reason)) for line in rated], currency)
    taxes = tuple(TaxFacts("VAT", tax.tax.rate, tax.tax.reason, tax.taxable, tax.amount) for tax in totals.taxes)
    facts = replace(invoice(*lines), lines=tuple(rated), taxes=taxes, branding=LOOK, buyer=GERMAN)
    sums = {"net": totals.net, "tax": totals.tax, "total": totals.total}
    return replace(facts, **sums, **fields)  # type: ignore[arg-type]


def coupon(amount: str) -> LineFacts:
    return fee(amount, "Spring (TEN)", kind="coupon", explanation=COUPON)


CREDITED = fee("40.00", "API calls", kind="usage_credit", quantity=D(400), unit="call")
NOTE = {
    "kind": "credit_note",
    "number": "CN-000007",
    "corrects": ("INV-000042", date(2026, 11, 1)),
    "reason": "Test calls were counted",
}
LATE = usage_line("API calls (late)", PerUnit(D("0.0121")), "300", kind="late_usage")

DOCUMENTS = {
    # name: (facts, category of each tax)
    "plain": (document(fee("499.00")), "S"),
    "every charge model": (document(*every_model(), purchase_order="PO-7", note="Project 7"), "S"),
    "several rates": (document(fee("100.05"), fee("33.33"), fee("7.77"), rates=("19", "7", "5.5")), "S S S"),
    "a tiny price": (document(usage_line("Tokens", PerUnit(D("0.0000025")), "48213977", unit="token")), "S"),
    "reverse charge": (document(fee("499.00"), rates="0", buyer=BUYER, tax_reason="Reverse charge"), "AE"),
    "exempt": (document(fee("49.00"), rates="0", buyer=PRIVATE, tax_reason="Exempt, art. 132"), "E"),
    "zero": (document(fee("49.00"), rates="0"), "Z"),
    "zero and standard rates": (document(fee("49.00"), fee("9.99"), rates=("19", "0")), "S Z"),
    "export": (document(fee("49.00"), rates="0", buyer=SWISS, tax_reason="Export"), "G"),
    "outside the scope": (document(fee("49.00"), rates="0", seller=AMERICAN, currency="USD"), "O"),
    "by a seller without a VAT id": (document(fee("49.00"), seller=AMERICAN, currency="CAD", rates="5"), "S"),
    "a coupon": (document(fee("19.00"), coupon("-1.90")), "S"),
    "a coupon at two rates": (
        document(fee("19.00"), fee("10.00"), coupon("-1.90"), coupon("-1.00"), rates=("19", "7", "19", "7")),
        "S S",
    ),
    "a line that gives back": (
        document(fee("19.00"), replace(LATE, amount=D("-3.63"), quantity=D(-300), explanation={})),
        "S",
    ),
    "nothing used, and a minimum": (
        document(
            usage_line("API calls", PerUnit(D("0.5")), "0"),
            fee("60.00", "Minimum", kind="true_up", explanation=TRUE_UP),
        ),
        "S",
    ),
    "nothing due": (document(fee("0.00")), "S"),
    "no decimal places": (
        document(
            fee("54800"), usage_line("Calls", PerUnit(D("0.7")), "3331", currency="KRW"), rates="5", **KOREAN_WON
        ),
        "S",
    ),
    "paid from balance": (document(fee("100.00"), settled=(SettledAmount("balance", D("19.00")),)), "S"),
    "a credit note": (document(CREDITED, **NOTE), "S"),
    "a credit note of several rates": (document(CREDITED, fee("1.00"), rates=("19", "7"), **NOTE), "S S"),
    "the last of several credit notes, a cent below its own tax": (
        replace(
            document(fee("0.25", kind="credit"), **NOTE),
            taxes=(TaxFacts("VAT", D(19), "", D("0.25"), D("0.04")),),
            tax=D("0.04"),
            total=D("0.29"),
        ),
        "S",
    ),
    "in place of another": (document(fee("9.00"), corrects=("INV-000041", date(2026, 10, 1))), "S"),
    "without an account to pay to": (document(fee("9.00"), branding=replace(LOOK, iban="", bic="")), "S"),
    "hostile text": (
        document(
            fee("9.00", "<![CDATA[ ]]> & </ram:Name> “x” \x0b\ufffe"),
            buyer=replace(GERMAN, legal_name='A & B <"x">', address_line1="<!ENTITY x SYSTEM 'file:///etc/passwd'>"),
            note="]]> &amp; &#0;",
            purchase_order="' or \" & <",
        ),
        "S",
    ),
}
