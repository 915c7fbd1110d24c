"""
Consolidated invoices: docs/closing.md#consolidated-invoices.

Each period is assembled by itself, with the coupons and commitments of its subscription; merging changes no line. Tax
is calculated on the sum of all lines of a rate and rounded once.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from billing.closing.close_result import CloseFailure, CloseSummary
from billing.closing.records import AssembledInvoice, DuePeriod
from invoices.documents.drafts import Draft, DraftSection
from plans.catalog.stored_terms import load_terms

MAX_WAIT = timedelta(days=1)
"""How long after their due time periods wait for one that cannot be billed; after that it is left out."""


class InvoiceGroup(NamedTuple):
    """The key that periods on one consolidated invoice share."""

    customer_id: int
    seller_id: int
    ends_at: datetime
    due_at: datetime
    is_opening: bool
    currency: str
    includes_tax: bool


def invoice_group(due: DuePeriod) -> InvoiceGroup | None:
    """Return the group of a period; None if its customer gets a separate invoice for each subscription."""
    if due.consolidates_at is None:
        return None
    span = due.span
    includes_tax = load_terms(span.version_id, span.currency).includes_tax
    is_opening = due.kind == "opening"
    return InvoiceGroup(
        customer_id=due.buyer.customer_id,
        seller_id=due.buyer.seller_id,
        ends_at=span.ends_at,
        due_at=due.consolidates_at,
        is_opening=is_opening,
        currency=span.currency,
        includes_tax=includes_tax,
    )


def group_periods(due_periods: Iterable[DuePeriod]) -> dict[InvoiceGroup, list[DuePeriod]]:
    """Return the groups of periods that share an invoice, where a group has more than one."""
    groups: dict[InvoiceGroup, list[DuePeriod]] = {}
    for due in due_periods:
        if (group := invoice_group(due)) is not None:
            groups.setdefault(group, []).append(due)
    return {group: members for group, members in groups.items() if len(members) > 1}


def in_order_of_issue(
    due_periods: Mapping[int, DuePeriod], groups: Mapping[InvoiceGroup, Sequence[DuePeriod]]
) -> dict[int, DuePeriod]:
    """
    Return the periods in the order in which their lines are issued: the members of a group follow its first one.

    Invoices that share a customer's coupon take from it in this order.
    """
    members_by_period = {due.span.period_id: members for members in groups.values() for due in members}
    ordered: dict[int, DuePeriod] = {}
    for id_, due in due_periods.items():
        for member in sorted(members_by_period.get(id_, [due]), key=_section_order):
            if member.span.period_id in due_periods:
                ordered.setdefault(member.span.period_id, member)
    return ordered


def _section_order(due: DuePeriod) -> tuple[str, int]:
    return due.subscription_name, due.span.period_id


def drop_incomplete_groups(
    assembled: dict[int, AssembledInvoice],
    due_periods: Container[int],
    groups: Mapping[InvoiceGroup, Sequence[DuePeriod]],
    summary: CloseSummary,
    *,
    at: datetime,
) -> None:
    """
    Drop invoices that must wait for another member of their group, because that one failed or waits itself, and
    record the reason. After they have been due for a day, that member is left out.

    Invoices that depend on a dropped one are dropped as well.
    """
    # Repeated, because dropping an invoice may leave another group incomplete or another period without its basis.
    waiting = True
    while waiting:
        waiting = False
        errors = {failure.period_id: failure.error for failure in summary.failed}
        for group, members in groups.items():
            ready = [due.span.period_id for due in members if due.span.period_id in assembled]
            if len(ready) in (0, len(members)) or at >= group.due_at + MAX_WAIT:
                continue
            waiting = True
            reason = _explain_failure(members, errors)
            for id_ in ready:
                del assembled[id_]
                if reason:
                    summary.failed.append(CloseFailure(id_, reason))
            summary.busy += 0 if reason else len(ready)
        for id_ in [
            id_ for id_, invoice in assembled.items() if _depends_on_dropped(invoice, due_periods, assembled)
        ]:
            del assembled[id_]
            summary.busy += 1
            waiting = True


def _explain_failure(members: Sequence[DuePeriod], errors: Mapping[int, str]) -> str:
    """Return a sentence naming the member that cannot be billed; empty if that member only waits."""
    for member in members:
        if error := errors.get(member.span.period_id):
            return f"It shares an invoice with “{member.subscription_name}”, which can't be billed: {error}"
    return ""


def _depends_on_dropped(
    invoice: AssembledInvoice, due_periods: Container[int], assembled: Mapping[int, AssembledInvoice]
) -> bool:
    """
    Return whether an invoice settles fees that another period of this chunk bills in advance and that is not billed
    now.
    """
    return (
        invoice.blocking_period_id is not None
        and invoice.blocking_period_id in due_periods
        and invoice.blocking_period_id not in assembled
    )


def merge_groups(
    assembled: Mapping[int, AssembledInvoice], groups: Mapping[InvoiceGroup, Sequence[DuePeriod]]
) -> None:
    """Merge the invoices of each group into one draft, which the assembled invoices then share."""
    for members in groups.values():
        # Grouped by draft: an opening invoice takes its tax inclusion from the period that follows.
        by_tax: dict[bool, list[tuple[DuePeriod, AssembledInvoice]]] = {}
        for member in members:
            invoice = assembled.get(member.span.period_id)
            if invoice is not None and invoice.draft.lines:
                by_tax.setdefault(invoice.draft.includes_tax, []).append((member, invoice))
        for to_merge in by_tax.values():
            # If the merged total would be negative, the members keep invoices of their own.
            if len(to_merge) > 1 and (draft := merge_drafts(to_merge)) is not None:
                for _, invoice in to_merge:
                    invoice.draft = draft


def merge_drafts(to_merge: Sequence[tuple[DuePeriod, AssembledInvoice]]) -> Draft | None:
    """
    Return one draft of these, with one section per subscription in the order of their names.

    None if its total would be negative: rounding the tax of many credits once can make that out of zeros.
    """
    ordered = sorted(to_merge, key=lambda pair: _section_order(pair[0]))
    drafts = [invoice.draft for _, invoice in ordered]
    draft = msgspec.structs.replace(
        drafts[0],
        reference=f"periods:{ordered[0][0].span.period_id}",
        period_start=min(draft_part.period_start for draft_part in drafts),
        period_end=max(draft_part.period_end for draft_part in drafts),
        lines=[line for draft_part in drafts for line in draft_part.lines],
        shares=[share for draft_part in drafts for share in draft_part.shares],
    )
    last = 0
    for due, assembled_invoice in ordered:
        first, last = last + 1, last + len(assembled_invoice.draft.lines)
        draft.sections.append(DraftSection(assembled_invoice.draft.reference, due.subscription_name, first, last))
    draft.total_up()
    return draft if draft.totals.total >= 0 else None


def distinct_drafts(invoices: Iterable[AssembledInvoice]) -> list[Draft]:
    """Return the drafts in order, each shared draft once."""
    return list({id(invoice.draft): invoice.draft for invoice in invoices}.values())
