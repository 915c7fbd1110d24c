"""
Several periods of a customer on one document: docs/closing.md#one-document.

Each is assembled by itself, with the coupons and commitments of its subscription; joining changes no line. Tax is on
the sum of all lines of a rate, and rounded once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from billing.closing.records import AssembledInvoice, PeriodToClose
from billing.closing.result import CloseFailure, CloseSummary
from invoices.documents.drafts import Draft, DraftSection
from plans.catalog.stored_terms import load_terms

MAX_WAIT = timedelta(days=1)
"""How long after they are due periods wait for one that cannot be billed; then it is left out."""


class InvoiceGroup(NamedTuple):
    """What periods have in common that are billed by one document."""

    customer_id: int
    ends_at: datetime
    due_at: datetime
    is_opening: bool
    currency: str
    includes_tax: bool


def invoice_group(closing: PeriodToClose) -> InvoiceGroup | None:
    """Return which periods one goes on a document with; None where its customer's have documents of their own."""
    if closing.consolidates_at is None:
        return None
    span = closing.span
    includes_tax = load_terms(span.version_id, span.currency).includes_tax
    is_opening = closing.kind == "opening"
    return InvoiceGroup(
        closing.buyer.customer_id, span.ends_at, closing.consolidates_at, is_opening, span.currency, includes_tax
    )


def group_periods(closings: Iterable[PeriodToClose]) -> dict[InvoiceGroup, list[PeriodToClose]]:
    """Return the periods that go on one document, where there are several."""
    found: dict[InvoiceGroup, list[PeriodToClose]] = {}
    for one in closings:
        if (group := invoice_group(one)) is not None:
            found.setdefault(group, []).append(one)
    return {group: members for group, members in found.items() if len(members) > 1}


def drop_incomplete_groups(
    assembled: dict[int, AssembledInvoice],
    closings: Mapping[int, PeriodToClose],
    groups: Mapping[InvoiceGroup, Sequence[PeriodToClose]],
    closed: CloseSummary,
    *,
    at: datetime,
) -> None:
    """
    Drop documents of those that have to wait for another of their group, and note why: it cannot be billed, or waits
    itself. Once they have been due for a day, that one is left out.

    What depends on a document that is dropped is dropped as well.
    """
    waiting = True
    while waiting:
        waiting = False
        errors = {failure.period_id: failure.error for failure in closed.failed}
        for group, members in groups.items():
            ready = [one.span.period_id for one in members if one.span.period_id in assembled]
            if len(ready) in (0, len(members)) or at >= group.due_at + MAX_WAIT:
                continue
            waiting = True
            why = _explain_failure(members, errors)
            for id_ in ready:
                del assembled[id_]
                if why:
                    closed.failed.append(CloseFailure(id_, why))
            closed.busy += 0 if why else len(ready)
        for id_ in [id_ for id_ in assembled if _depends_on_dropped(closings[id_], closings, assembled)]:
            del assembled[id_]
            closed.busy += 1
            waiting = True


def _explain_failure(members: Sequence[PeriodToClose], errors: Mapping[int, str]) -> str:
    """Return in a sentence which one cannot be billed; nothing where that one only waits."""
    for one in members:
        if error := errors.get(one.span.period_id):
            return f"It goes on one document with “{one.subscription_name}”, which cannot be billed: {error}"
    return ""


def _depends_on_dropped(
    one: PeriodToClose, closings: Mapping[int, PeriodToClose], assembled: Mapping[int, AssembledInvoice]
) -> bool:
    """Tell whether a period settles what one of the same chunk claims that is not billed now."""
    return (
        one.blocking_period_id is not None
        and one.blocking_period_id in closings
        and one.blocking_period_id not in assembled
    )


def merge_groups(
    assembled: Mapping[int, AssembledInvoice], groups: Mapping[InvoiceGroup, Sequence[PeriodToClose]]
) -> None:
    """Let the documents of each group be one, which those that were assembled for it share from here on."""
    for members in groups.values():
        # Which prices include tax, an opening document has from the period that follows.
        by_tax: dict[bool, list[tuple[PeriodToClose, AssembledInvoice]]] = {}
        for one in members:
            made = assembled.get(one.span.period_id)
            if made is not None and made.draft.lines:
                by_tax.setdefault(made.draft.includes_tax, []).append((one, made))
        for several in by_tax.values():
            if len(several) > 1 and (draft := merge_drafts(several)) is not None:
                for _, made in several:
                    made.draft = draft


def merge_drafts(several: Sequence[tuple[PeriodToClose, AssembledInvoice]]) -> Draft | None:
    """
    Return one document of these, section by section in the order of the subscriptions' names.

    None where that would come to less than nothing, which rounding the tax of many credits once can make of zeros.
    """
    ordered = sorted(several, key=lambda one: (one[0].subscription_name, one[0].span.period_id))
    drafts = [made.draft for _, made in ordered]
    draft = msgspec.structs.replace(
        drafts[0],
        reference=f"periods:{ordered[0][0].span.period_id}",
        period_start=min(one.period_start for one in drafts),
        period_end=max(one.period_end for one in drafts),
        lines=[line for one in drafts for line in one.lines],
        shares=[share for one in drafts for share in one.shares],
    )
    last = 0
    for closing, made in ordered:
        first, last = last + 1, last + len(made.draft.lines)
        draft.sections.append(DraftSection(made.draft.reference, closing.subscription_name, first, last))
    draft.total_up()
    return draft if draft.totals.total >= 0 else None


def distinct_drafts(documents: Iterable[AssembledInvoice]) -> list[Draft]:
    """Return their drafts in order, one that several share once."""
    return list({id(one.draft): one.draft for one in documents}.values())
