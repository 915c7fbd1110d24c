"""
Credit a period's invoice in full and issue a replacement: the policy “reissue”.

Fees, the parties' details and their taxes are those of the replaced invoice; usage is the period's usage as of now,
at the prices it was billed by. docs/closing.md#late-usage says when this applies.
"""

import re
from dataclasses import replace
from datetime import datetime

import msgspec

from billing.closing.close_result import CloseSummary
from billing.closing.invoice_assembly import assemble_replacement
from billing.closing.invoice_writer import clear_late, write_invoice_rows
from billing.closing.lines.late_usage_lines import usage_differences
from billing.closing.lines.line_templates import line_templates
from billing.closing.lines.usage_lines import earlier_usage_json
from billing.closing.records import AssembledInvoice, LatePeriod, PeriodToClose, UsageSnapshot
from billing.metering.rating_inputs.rating_period import EMPTY_COUNTER
from invoices.credit_notes import CreditableInvoice, LineCredit, draft_credit_note, read_creditable_invoices
from invoices.documents.drafts import DraftLine
from invoices.documents.issue import issue
from invoices.documents.seller_terms import SellerTerms
from invoices.models import Line
from invoices.models.invoices import LineKind
from invoices.tax.buyer_details import Buyer
from lib import sql

REASON = "Replaced by a new invoice that includes usage received after it was issued"

_DOCUMENT = "SELECT invoice_id FROM billing_period WHERE id = %s"
_REPLACE = "UPDATE billing_period SET invoice_id = %s WHERE id = %s"


def reissue(
    late_period: LatePeriod, closing: PeriodToClose, seller: SellerTerms, *, high_water_mark: int, at: datetime
) -> CloseSummary:
    """
    Replace the invoice of a late period; the caller's transaction has locked the period and the invoice.

    Nothing is issued if all amounts are the same as before.
    """
    period_id = late_period.span.period_id
    if not any(difference.amount for difference in usage_differences(late_period, closing.buyer, seller)):
        clear_late([period_id], at=at)
        return CloseSummary(late_billed=1)
    original = read_period_invoice(period_id)
    buyer = _buyer_as_invoiced(closing.buyer, original)
    closing = PeriodToClose.of(msgspec.structs.replace(closing, buyer=buyer), usage=late_period)
    seller = replace(seller, facts=msgspec.json.encode(original.invoice.seller_facts))
    replacement = assemble_replacement(
        closing, seller, fee_lines_of(original), reference=next_reference(original.invoice.reference)
    )
    replacement.draft.corrects_id, replacement.draft.purchase_order = (
        original.invoice.pk,
        original.invoice.purchase_order,
    )
    invoices = [full_credit_note(original, late_period, reason=REASON), replacement]
    write_invoice_rows(invoices, high_water_mark=high_water_mark)
    replace_invoice(period_id, by=replacement.draft.id)
    clear_late([period_id], at=at)
    # Last, because an issued invoice can't be changed.
    # Not before the original: this worker's clock may be behind the one that issued it.
    issue([invoice.draft for invoice in invoices], at=max(at, original.invoice.issued_at or at))
    return CloseSummary(issued=1, credited=1, late_billed=1)


def read_period_invoice(period_id: int) -> CreditableInvoice:
    """Return the invoice of a closed period, with the amounts left to credit."""
    ((invoice_id,),) = sql.fetch_rows(_DOCUMENT, [period_id])
    return read_creditable_invoices([invoice_id])[invoice_id]


def replace_invoice(period_id: int, *, by: int) -> None:
    """Make another invoice the invoice of a period."""
    sql.execute(_REPLACE, [by, period_id])


def _buyer_as_invoiced(buyer: Buyer, original: CreditableInvoice) -> Buyer:
    """Return the buyer as printed on the invoice, with its address and tax exemption."""
    facts = original.invoice.buyer_facts
    # The printed facts lack the exemption, but its reason is printed with the taxes.
    reasons = {tax.reason for line in original.lines for tax in line.taxes}
    return msgspec.structs.replace(
        buyer,
        country=facts["country"],
        region=facts["region"],
        tax_number=facts["tax_number"],
        tax_exemption=reasons.pop() if len(reasons) == 1 else "",
        facts=msgspec.json.encode(facts),
    )


def fee_lines_of(original: CreditableInvoice) -> list[DraftLine]:
    """Return the invoice's fee lines, in order and unchanged."""
    taxes = {line.id: line.taxes for line in original.lines}
    return [
        DraftLine(
            kind=line.kind,
            description=line.description,
            service_start=line.service_start,
            service_end=line.service_end,
            quantity=line.quantity,
            unit=line.unit,
            amount=line.amount.amount,
            taxes=taxes[line.pk],
            explanation=msgspec.json.encode(line.explanation),
            fee_id=line.fee_id,
        )
        for line in Line.objects.filter(invoice=original.invoice, kind=LineKind.FEE).order_by("position")
    ]


def full_credit_note(original: CreditableInvoice, late_period: LatePeriod, *, reason: str) -> AssembledInvoice:
    """Return the credit note over the whole invoice; snapshots record the credited usage."""
    usage_keys = {claim.line_id: key for key, billed in late_period.billed.items() for claim in billed.lines}
    credits = [
        LineCredit(line, line.left, "usage_credit" if line.id in usage_keys else "credit") for line in original.lines
    ]
    # A paid invoice leaves money to return; an unpaid one is only owed less.
    draft = draft_credit_note(
        original, credits, reason=reason, to="balance" if original.invoice.state == "paid" else "offset"
    )
    features, snapshots = line_templates(late_period.span).features, []
    for draft_line, credit in zip(draft.lines, credits, strict=True):
        if credit.kind == "usage_credit":
            window, rate_id = usage_keys[credit.line.id]
            counted = late_period.counters.get(window, {}).get(rate_id, EMPTY_COUNTER)
            earlier = earlier_usage_json(late_period.span, features[window.plan_feature_id])
            key = late_period.span.period_id, window, rate_id
            snapshots.append(UsageSnapshot(draft_line, *key, counted, earlier, credit.line.id))
    return AssembledInvoice(draft, snapshots)


def next_reference(reference: str) -> str:
    """Return the reference of the next replacement: period:7 → period:7:reissue:1 → period:7:reissue:2."""
    match = re.fullmatch(r"(period:\d+)(?::reissue:(\d+))?", reference)
    if match is None:
        raise ValueError(f"{reference} is not a reference of a period's invoice")
    return f"{match[1]}:reissue:{int(match[2] or 0) + 1}"
