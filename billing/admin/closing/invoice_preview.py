"""The next invoice as it would be issued now, by the code that issues it."""

from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from billing.closing import NothingToBill, preview
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from invoices.documents.drafts import Draft
from invoices.models import Invoice
from lib.formats import format_money


class Upcoming(NamedTuple):
    """The next invoice, or the problem for which there is none. credits: sentences about its credit notes."""

    draft: Draft | None
    problem: str = ""
    credits: tuple[str, ...] = ()


def upcoming(subscription: Subscription, *, at: datetime) -> Upcoming:
    try:
        draft = preview(at=at, subscription=subscription)
    except (NothingToBill, UnpricedUsage, ValueError) as error:
        return Upcoming(None, str(error))
    return Upcoming(draft, credits=credits_shown(draft))


def credits_shown(draft: Draft) -> tuple[str, ...]:
    """Return the credit notes that would be issued with an invoice, one sentence each."""
    invoices = Invoice.objects.in_bulk([credit_note.corrects_id for credit_note in draft.credit_notes])
    text = _("A credit note for %(invoice)s credits %(amount)s with tax: %(lines)s.")
    return tuple(
        text
        % {
            "invoice": invoices[credit_note.corrects_id],
            "amount": format_money(credit_note.totals.total, draft.currency),
            "lines": ", ".join(line.description for line in credit_note.lines),
        }
        for credit_note in draft.credit_notes
    )
