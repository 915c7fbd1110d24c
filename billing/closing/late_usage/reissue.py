"""
Take a period's document back as a whole, and issue another in its place: the policy “reissue”.

Fees, the parties' facts and their taxes are those of the document that is replaced; usage is what the period holds by
now, under the prices it was billed by. docs/closing.md#late-usage tells when.
"""

import re
from dataclasses import replace
from datetime import datetime

import msgspec
from django.db import connection

from billing.closing.invoice_assembly import assemble_replacement
from billing.closing.invoice_writer import clear_late, write_invoice_rows
from billing.closing.lines.late_usage_lines import usage_differences
from billing.closing.lines.line_templates import line_templates
from billing.closing.lines.usage_lines import earlier_usage_json
from billing.closing.records import AssembledInvoice, LatePeriod, PeriodToClose, UsageSnapshot
from billing.closing.result import CloseSummary
from billing.metering.rating_inputs.period_counters import EMPTY_COUNTER
from invoices.credit_notes import CreditableInvoice, LineCredit, draft_credit_note, read_creditable_invoices
from invoices.documents.drafts import DraftLine
from invoices.documents.issue import issue
from invoices.documents.seller_terms import SellerTerms
from invoices.models import Line
from invoices.models.invoices import LineKind

REASON = "Replaced by a new invoice, with usage that came after it was issued"

_DOCUMENT = "SELECT invoice_id FROM billing_period WHERE id = %s"
_REPLACE = "UPDATE billing_period SET invoice_id = %s WHERE id = %s"


def reissue(
    late_period: LatePeriod, closing: PeriodToClose, seller: SellerTerms, *, high_water_mark: int, at: datetime
) -> CloseSummary:
    """
    Replace the document of a late period, whose row and document the caller's transaction holds locked.

    Nothing is issued where all comes to the same amounts as before.
    """
    period_id = late_period.span.period_id
    if not any(one.amount for one in usage_differences(late_period, closing.buyer, seller)):
        clear_late([period_id], at=at)
        return CloseSummary(late_billed=1)
    of = read_period_invoice(period_id)
    _use_invoiced_buyer(closing, of)
    closing.span, closing.counters = late_period.span, late_period.counters
    seller = replace(seller, facts=msgspec.json.encode(of.invoice.seller_facts))
    new = assemble_replacement(closing, seller, fee_lines_of(of), reference=next_reference(of.invoice.reference))
    new.draft.corrects_id, new.draft.purchase_order = of.invoice.pk, of.invoice.purchase_order
    documents = [full_credit_note(of, late_period, reason=REASON), new]
    write_invoice_rows(documents, high_water_mark=high_water_mark)
    replace_invoice(period_id, by=new.draft.id)
    clear_late([period_id], at=at)
    issue([one.draft for one in documents], at=max(at, of.invoice.issued_at or at))
    return CloseSummary(issued=1, credited=1, late_billed=1)


def read_period_invoice(period_id: int) -> CreditableInvoice:
    """Return the document of a closed period, with what is left of it."""
    with connection.cursor() as cursor:
        cursor.execute(_DOCUMENT, [period_id])
        ((invoice_id,),) = cursor.fetchall()
    return read_creditable_invoices([invoice_id])[invoice_id]


def replace_invoice(period_id: int, *, by: int) -> None:
    """Let another invoice stand for a period."""
    with connection.cursor() as cursor:
        cursor.execute(_REPLACE, [by, period_id])


def _use_invoiced_buyer(closing: PeriodToClose, of: CreditableInvoice) -> None:
    """Let the buyer be as on the document: it says where they were, and whether they were exempt from tax."""
    facts = of.invoice.buyer_facts
    reasons = {tax.reason for line in of.lines for tax in line.taxes}
    closing.buyer = msgspec.structs.replace(
        closing.buyer,
        country=facts["country"],
        region=facts["region"],
        tax_number=facts["tax_number"],
        tax_exemption=reasons.pop() if len(reasons) == 1 else "",
        facts=msgspec.json.encode(facts),
    )


def fee_lines_of(of: CreditableInvoice) -> list[DraftLine]:
    """Return what the document claims beside usage, line by line as it stands there."""
    taxes = {line.id: line.taxes for line in of.lines}
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
        for line in Line.objects.filter(invoice=of.invoice, kind=LineKind.FEE).order_by("position")
    ]


def full_credit_note(of: CreditableInvoice, late_period: LatePeriod, *, reason: str) -> AssembledInvoice:
    """Return the credit note over the whole document; snapshots tell what it takes back of usage."""
    usage = {claim.line_id: key for key, billed in late_period.billed.items() for claim in billed.lines}
    credits = [LineCredit(line, line.left, "usage_credit" if line.id in usage else "credit") for line in of.lines]
    draft = draft_credit_note(of, credits, reason=reason, to="balance" if of.invoice.state == "paid" else "offset")
    features, snapshots = line_templates(late_period.span).features, []
    for drafted, credit in zip(draft.lines, credits, strict=True):
        if credit.kind == "usage_credit":
            window, rate_id = usage[credit.line.id]
            counted = late_period.counters.get(window, {}).get(rate_id, EMPTY_COUNTER)
            earlier = earlier_usage_json(late_period.span, features[window.plan_feature_id])
            key = late_period.span.period_id, window, rate_id
            snapshots.append(UsageSnapshot(drafted, *key, counted, earlier, credit.line.id))
    return AssembledInvoice(draft, snapshots)


def next_reference(reference: str) -> str:
    """Return period:7 → period:7:reissue:1 → period:7:reissue:2."""
    found = re.fullmatch(r"(period:\d+)(?::reissue:(\d+))?", reference)
    if found is None:
        raise ValueError(f"{reference} is no document of a period")
    return f"{found[1]}:reissue:{int(found[2] or 0) + 1}"
