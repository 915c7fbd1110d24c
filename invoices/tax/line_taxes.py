"""How a line stores the taxes that it falls under: docs/tax.md#lines."""

import json
from decimal import Decimal
from typing import Any

from invoices.documents.totals import Tax, Taxes
from lib.decimals import ZERO


def taxes_of(line: str) -> str:
    """
    Return the SQL expression for the taxes of a line, as JSON: a list of name, rate and reason.

    line: its table's alias in the query. A line says so itself where its document has several taxes; else it is the
    one.
    """
    return f"""coalesce({line}.taxes, (SELECT jsonb_agg(jsonb_build_array(tax.name, tax.rate::text, tax.reason))
        FROM invoices_invoicetax tax WHERE tax.invoice_id = {line}.invoice_id AND tax.rate = {line}.tax_rate))"""  # noqa: S608


def read_taxes(stored: str | list[Any]) -> Taxes:
    """Return the taxes of a line from what `taxes_of` gives, as text or parsed."""
    told = json.loads(stored) if isinstance(stored, str) else stored
    return tuple(Tax(name, Decimal(rate), reason) for name, rate, reason in told)


def written_taxes(taxes: Taxes) -> str:
    """Return what a line stores of its taxes, as JSON, on a document that has several."""
    return json.dumps([[tax.name, f"{tax.rate:.4f}", tax.reason] for tax in taxes])


def whole_rate(taxes: Taxes) -> Decimal:
    """Return what all taxes of a line come to in percent."""
    return sum((tax.rate for tax in taxes), ZERO)
