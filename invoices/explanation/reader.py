"""Read the facts of explanations from the rows of invoices, and from the prices that their lines refer to."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import DecimalException
from typing import Any

from babel import Locale
from django.conf import settings
from django.utils.module_loading import import_string

from invoices.explanation.explanation import Explanation, explain
from invoices.explanation.facts import ExplainedInvoice, ExplainedLine, ExplainedTax
from invoices.models import DocumentKind, Invoice, InvoiceTax, Line, Payment, Section
from invoices.models.payments import PaymentChannel
from invoices.rendering.facts_reader import MAX_LINES
from lib.decimals import ZERO, exact_sum

logger = logging.getLogger(__name__)
_LINE_COLUMNS = (
    *("invoice_id", "position", "kind", "description", "quantity", "unit", "amount", "explanation", "rate_id"),
    *("fee__code", "fee__label", "fee__version__plan__code", "plan_feature__feature__code", "rate__match"),
)
_TAX_COLUMNS = ("invoice_id", "name", "rate", "amount")


def explain_invoice(invoice: Invoice, *, locale: Locale) -> Explanation | None:
    """Return the explanation of an invoice, in as many queries as `explain_invoices`; None where that has none."""
    return explain_invoices([invoice], [(invoice.pk, locale)]).get((invoice.pk, locale))


def explain_invoices(
    invoices: Sequence[Invoice], readers: Iterable[tuple[int, Locale]]
) -> dict[tuple[int, Locale], Explanation]:
    """
    Return (invoice id, reader's locale) → the explanation of these invoices, in six queries for any number.

    An invoice with more than 2,000 lines, or with workings of an unknown form, has none; and it is not compared with
    such a former one.
    """
    former_ids = _find_former_invoices([invoice.pk for invoice in invoices if invoice.kind == DocumentKind.INVOICE])
    documents = Invoice.objects.in_bulk(set(former_ids.values())) if former_ids else {}
    facts = _read_facts((documents | {invoice.pk: invoice for invoice in invoices}).values())
    explanations = {}
    for invoice_id, locale in readers:
        if invoice_id not in facts:
            continue
        try:
            former = facts.get(former_ids.get(invoice_id, 0))
            explanations[invoice_id, locale] = explain(facts[invoice_id], former, locale=locale)
        except (KeyError, TypeError, ValueError, DecimalException):
            # A page or an email is of use without its explanation.
            logger.exception("Invoice %s can't be explained.", invoice_id)
    return explanations


def read_explained(invoice: Invoice) -> ExplainedInvoice | None:
    """Return the facts of an invoice; None if it has too many lines."""
    return _read_facts([invoice]).get(invoice.pk)


def _find_former_invoices(invoice_ids: Sequence[int]) -> dict[int, int]:
    """
    Return invoice id → the former invoice, found by the function that FORMER_INVOICES names.

    Invoices are below billing, which knows their subscriptions, and can't import it.
    """
    if not invoice_ids or not settings.FORMER_INVOICES:
        return {}
    find: Callable[[Sequence[int]], dict[int, int]] = import_string(settings.FORMER_INVOICES)
    return find(invoice_ids)


def _read_facts(invoices: Collection[Invoice]) -> dict[int, ExplainedInvoice]:
    """Return invoice id → its facts, without invoices of too many lines, in four queries."""
    invoice_ids = [invoice.pk for invoice in invoices]
    lines, taxes, settled = _read_lines(invoice_ids), _read_taxes(invoice_ids), _read_settled(invoice_ids)
    return {
        invoice.pk: ExplainedInvoice(
            id=invoice.pk,
            number=invoice.number or "",
            issue_date=invoice.issue_date,
            is_credit_note=invoice.kind == DocumentKind.CREDIT_NOTE,
            currency=str(invoice.currency),
            includes_tax=invoice.includes_tax,
            tax=invoice.tax.amount,
            total=invoice.total.amount,
            lines=tuple(lines[invoice.pk]),
            taxes=tuple(taxes[invoice.pk]),
            settled=settled[invoice.pk],
        )
        for invoice in invoices
        if len(lines[invoice.pk]) <= MAX_LINES
    }


def _read_lines(invoice_ids: Sequence[int]) -> dict[int, list[ExplainedLine]]:
    sections = defaultdict(list)
    for section in Section.objects.filter(invoice__in=invoice_ids):
        sections[section.invoice_id].append(section)
    lines = defaultdict(list)
    # One more line than is explained shows that there are too many. Positions count from 1.
    rows = Line.objects.filter(invoice__in=invoice_ids, position__lte=MAX_LINES + 1).order_by("invoice", "position")
    for invoice_id, position, *columns in rows.values_list(*_LINE_COLUMNS):
        heading = next(
            (each.name for each in sections[invoice_id] if each.first_line <= position <= each.last_line), ""
        )
        lines[invoice_id].append(_line(columns, heading))
    return lines


def _line(columns: Sequence[Any], section: str) -> ExplainedLine:
    kind, description, quantity, unit, amount, explanation, rate_id, *names = columns
    fee_code, fee_label, plan_code, feature_code, match = names
    subject = ""
    if fee_code:
        subject = f"fee:{plan_code}:{fee_code}"
    elif feature_code:
        subject = f"feature:{feature_code}:{json.dumps(match, sort_keys=True)}"
    is_plain_fee = bool(fee_label) and kind == "fee" and description.endswith(f": {fee_label}")
    return ExplainedLine(
        kind=kind,
        label=fee_label if is_plain_fee else description,
        quantity=quantity,
        unit=unit,
        amount=amount,
        explanation=explanation,
        subject=subject,
        rate_id=rate_id,
        section=section,
    )


def _read_taxes(invoice_ids: Sequence[int]) -> dict[int, list[ExplainedTax]]:
    taxes = defaultdict(list)
    rows = InvoiceTax.objects.filter(invoice__in=invoice_ids).order_by("-rate", "reason")
    for invoice_id, *columns in rows.values_list(*_TAX_COLUMNS):
        taxes[invoice_id].append(ExplainedTax(*columns))
    return taxes


def _read_settled(invoice_ids: Sequence[int]) -> dict[int, Any]:
    """Return invoice id → the amount that the customer's balance paid at issue."""
    amounts = defaultdict(list)
    paid = Payment.objects.filter(invoice__in=invoice_ids, method=PaymentChannel.BALANCE)
    for invoice_id, amount in paid.values_list("invoice_id", "amount"):
        amounts[invoice_id].append(amount)
    return defaultdict(lambda: ZERO, {invoice_id: exact_sum(paid) for invoice_id, paid in amounts.items()})
