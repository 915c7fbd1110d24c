"""How a line stores its taxes: docs/tax.md#lines."""

import json
from decimal import Decimal
from typing import Any

from invoices.amounts.totals import Tax, Taxes
from lib.decimals import ZERO


def line_taxes_sql(line: str) -> str:
    """
    Return the SQL expression for the taxes of a line, as JSON: a list of name, rate and reason.

    line: its table's alias in the query. A line stores its taxes if its invoice has several; otherwise the invoice's
        one tax applies.
    """
    return f"""coalesce({line}.taxes, (SELECT jsonb_agg(jsonb_build_array(tax.name, tax.rate::text, tax.reason))
        FROM invoices_invoicetax tax WHERE tax.invoice_id = {line}.invoice_id AND tax.rate = {line}.tax_rate))"""  # noqa: S608


def parse_taxes(stored: str | list[Any]) -> Taxes:
    """Return the taxes of a line from the value of `line_taxes_sql`, as text or parsed."""
    rows = json.loads(stored) if isinstance(stored, str) else stored
    return tuple(Tax(name, Decimal(rate), reason) for name, rate, reason in rows)


def taxes_as_json(taxes: Taxes) -> str:
    """Return the JSON of a line's taxes, stored on invoices with several."""
    return json.dumps([[tax.name, f"{tax.rate:.4f}", tax.reason] for tax in taxes])


def combined_rate(taxes: Taxes) -> Decimal:
    """Return the sum of a line's tax rates, in percent."""
    return sum((tax.rate for tax in taxes), ZERO)
