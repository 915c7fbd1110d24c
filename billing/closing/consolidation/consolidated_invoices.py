"""
Several periods of a customer on one document: docs/closing.md#one-document.

Each is assembled by itself, with the coupons and commitments of its subscription; joining changes no line. Tax is on
the sum of all lines of a rate, and rounded once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from billing.closing.records import Assembled, Closing
from billing.closing.result import Closed, Failure
from invoices.documents.drafts import Draft, DraftSection
from plans.catalog.stored_terms import terms_of

PATIENCE = timedelta(days=1)
"""How long after they are due periods wait for one that cannot be billed; then it is left out."""


class Group(NamedTuple):
    """What periods have in common that are billed by one document."""

    customer_id: int
    ends_at: datetime
    due_at: datetime
    is_opening: bool
    currency: str
    includes_tax: bool


def group_of(closing: Closing) -> Group | None:
    """Return which periods one goes on a document with; None where its customer's have documents of their own."""
    if closing.joins_at is None:
        return None
    span = closing.span
    includes_tax = terms_of(span.version_id, span.currency).includes_tax
    is_opening = closing.kind == "opening"
    return Group(closing.buyer.customer_id, span.ends_at, closing.joins_at, is_opening, span.currency, includes_tax)


def groups_of(closings: Iterable[Closing]) -> dict[Group, list[Closing]]:
    """Return the periods that go on one document, where there are several."""
    found: dict[Group, list[Closing]] = {}
    for one in closings:
        if (group := group_of(one)) is not None:
            found.setdefault(group, []).append(one)
    return {group: members for group, members in found.items() if len(members) > 1}


def hold_back(
    assembled: dict[int, Assembled],
    closings: Mapping[int, Closing],
    groups: Mapping[Group, Sequence[Closing]],
    closed: Closed,
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
            if len(ready) in (0, len(members)) or at >= group.due_at + PATIENCE:
                continue
            waiting = True
            why = _why(members, errors)
            for id_ in ready:
                del assembled[id_]
                if why:
                    closed.failed.append(Failure(id_, why))
            closed.busy += 0 if why else len(ready)
        for id_ in [id_ for id_ in assembled if _depends(closings[id_], closings, assembled)]:
            del assembled[id_]
            closed.busy += 1
            waiting = True


def _why(members: Sequence[Closing], errors: Mapping[int, str]) -> str:
    """Return in a sentence which one cannot be billed; nothing where that one only waits."""
    for one in members:
        if error := errors.get(one.span.period_id):
            return f"It goes on one document with “{one.name}”, which cannot be billed: {error}"
    return ""


def _depends(one: Closing, closings: Mapping[int, Closing], assembled: Mapping[int, Assembled]) -> bool:
    """Tell whether a period settles what one of the same chunk claims that is not billed now."""
    return one.waits_for is not None and one.waits_for in closings and one.waits_for not in assembled


def join(assembled: Mapping[int, Assembled], groups: Mapping[Group, Sequence[Closing]]) -> None:
    """Let the documents of each group be one, which those that were assembled for it share from here on."""
    for members in groups.values():
        # Which prices include tax, an opening document has from the period that follows.
        by_tax: dict[bool, list[tuple[Closing, Assembled]]] = {}
        for one in members:
            made = assembled.get(one.span.period_id)
            if made is not None and made.draft.lines:
                by_tax.setdefault(made.draft.includes_tax, []).append((one, made))
        for several in by_tax.values():
            if len(several) > 1 and (draft := joined(several)) is not None:
                for _, made in several:
                    made.draft = draft


def joined(several: Sequence[tuple[Closing, Assembled]]) -> Draft | None:
    """
    Return one document of these, section by section in the order of the subscriptions' names.

    None where that would come to less than nothing, which rounding the tax of many credits once can make of zeros.
    """
    ordered = sorted(several, key=lambda one: (one[0].name, one[0].span.period_id))
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
        draft.sections.append(DraftSection(made.draft.reference, closing.name, first, last))
    draft.total_up()
    return draft if draft.totals.total >= 0 else None


def drafts_of(documents: Iterable[Assembled]) -> list[Draft]:
    """Return their drafts in order, one that several share once."""
    return list({id(one.draft): one.draft for one in documents}.values())
