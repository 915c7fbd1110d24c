"""Invoices to explain, as plain facts: the lines of the example in docs/invoices.md, and others."""

from datetime import date
from decimal import Decimal as D
from typing import Any

from babel import Locale

from invoices.amounts.totals import Tax, total_up
from invoices.explanation.explanation import explain, explanation_locale
from invoices.explanation.facts import ExplainedInvoice, ExplainedLine, ExplainedTax

LOCALES: dict[str, Locale] = {name: explanation_locale(name) for name in ("en_US", "de_DE", "fr_FR", "es_ES")}
VAT = Tax("VAT", D(19))


def fee_line(label: str, amount: str, **fields: Any) -> ExplainedLine:
    workings = {"fee": amount, "share": "1", "formula": amount}
    return line("fee", label, amount, subject=f"fee:scale:{label}", explanation=workings, **fields)


def seats_line(taken: int, *, included: int = 0, price: str = "25", **fields: Any) -> ExplainedLine:
    billable = max(taken - included, 0)
    workings = {
        "fee": price,
        "included": str(included),
        "segments": [{"quantity": str(taken), "billable": str(billable), "share": "1"}],
    }
    facts: dict[str, Any] = {"quantity": D(taken), "unit": "seat", "subject": "fee:scale:seats", **fields}
    return line("fee", "Seats", str(billable * D(price)), explanation=workings, **facts)


def usage_line(label: str, quantity: str, amount: str, *, unit: str = "token", **fields: Any) -> ExplainedLine:
    """Return a usage line; included: units of its allowance; parts: as stored."""
    included = D(fields.pop("included", "0"))
    billable = max(D(quantity) - included, D(0))
    workings = {
        "quantity": quantity,
        "included": str(min(D(quantity), included)),
        "billable": str(billable),
        "parts": fields.pop("parts", []),
        "amount": amount,
        **fields.pop("explanation", {}),
    }
    facts: dict[str, Any] = {"quantity": D(quantity), "subject": f"feature:{label}:{{}}", "rate_id": 1, **fields}
    return line("usage", label, amount, unit=unit, explanation=workings, **facts)


def part(units: str, unit_price: str, *, start: str = "0", end: str | None = None, flat_fee: str = "0") -> dict:
    amount = D(units) * D(unit_price) + D(flat_fee)
    prices = {"unit_price": unit_price, "flat_fee": flat_fee, "amount": format(amount, "f")}
    return {"from": start, "to": end, "units": units, **prices}


def coupon_line(code: str, amount: str) -> ExplainedLine:
    return line("coupon", f"Partner discount ({code})", amount, explanation={"coupon": code})


def line(kind: str, label: str, amount: str, **fields: Any) -> ExplainedLine:
    facts: dict[str, Any] = {"quantity": D(1), "unit": "", "explanation": {}, **fields}
    return ExplainedLine(kind=kind, label=label, amount=D(amount), **facts)


def make_explained(
    *lines: ExplainedLine, number: str = "US-2", tax: Tax | None = None, **fields: Any
) -> ExplainedInvoice:
    """Return an invoice of these lines, with its totals. includes_tax: whether the lines include the tax."""
    currency, includes_tax = fields.get("currency", "USD"), fields.get("includes_tax", False)
    sums = total_up([(each.amount, tax or Tax("VAT", D(0))) for each in lines], currency, includes_tax=includes_tax)
    facts: dict[str, Any] = {
        "id": 2,
        "issue_date": date(2026, 11, 1),
        "is_credit_note": False,
        "currency": currency,
        "includes_tax": includes_tax,
        **fields,
    }
    return ExplainedInvoice(
        number=number,
        lines=lines,
        tax=sums.tax,
        total=sums.total,
        taxes=tuple(ExplainedTax(each.tax.name, each.tax.rate, each.amount) for each in sums.taxes),
        **facts,
    )


def former(*lines: ExplainedLine, **fields: Any) -> ExplainedInvoice:
    return make_explained(*lines, **{"number": "US-1", "id": 1, "issue_date": date(2026, 10, 1), **fields})


def sentences(invoice: ExplainedInvoice, earlier: ExplainedInvoice | None = None, locale: str = "en_US") -> list[str]:
    """Return the sentences with plain spaces, for comparison."""
    explanation = explain(invoice, earlier, locale=LOCALES[locale])
    return [sentence.replace("\N{NO-BREAK SPACE}", " ").replace("\u202f", " ") for sentence in explanation.sentences]
