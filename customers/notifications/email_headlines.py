"""The amount that an email shows in large figures, with its heading."""

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Headline(NamedTuple):
    """
    heading: above the amount. amount: the fact. note: below it. answers: whether amount and note say all that the
    first paragraph says. Texts may contain facts.
    """

    heading: Promise
    amount: str
    note: Promise
    answers: bool = False


NOTHING_DUE = Headline(_("Your invoice %(number)s"), "total", _("There is nothing to pay."))
LAST_REMINDER = Headline(_("Please pay by %(pay_by)s"), "due", _("due since %(due_date)s"))
CREDIT_NOTE = Headline(_("Credit note %(number)s"), "total", _("credited"), answers=True)
ISSUED = Headline(_("Your invoice %(number)s"), "total", _("due %(due_date)s"), answers=True)
ISSUED_FOR_MONTH = ISSUED._replace(heading=_("Your invoice for %(period)s"))
PAST_DUE = Headline(_("Invoice %(number)s is past due"), "due", _("due since %(due_date)s"))
RECEIPT = Headline(_("Thank you"), "amount", _("received for invoice %(number)s"), answers=True)


class FoundHeadline(NamedTuple):
    heading: str
    amount: str
    note: str
    answers: bool


def headline_of(kind: str, texts: Mapping[str, str]) -> FoundHeadline | None:
    """Return the headline of an email with these facts as text; None for a kind without one, or if a fact lacks."""
    headline = _choose(kind, texts)
    if headline is None or not texts.get(headline.amount):
        return None
    try:
        return FoundHeadline(
            str(headline.heading) % texts, texts[headline.amount], str(headline.note) % texts, headline.answers
        )
    except KeyError:
        return None


def _choose(kind: str, texts: Mapping[str, str]) -> Headline | None:
    if kind in ("invoice.issued", "invoice.resent"):
        if texts.get("document") == "credit_note":
            return CREDIT_NOTE
        if "is_settled" in texts:
            return NOTHING_DUE
        return ISSUED_FOR_MONTH if "period" in texts else ISSUED
    if kind == "invoice.reminder" and texts.get("reminder") == "final":
        return LAST_REMINDER
    return {"invoice.overdue": PAST_DUE, "invoice.reminder": PAST_DUE, "payment.succeeded": RECEIPT}.get(kind)
