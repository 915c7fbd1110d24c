"""The email about a closed month, to the staff users who can lock months."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.module_loading import import_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.revenue.month_end.month_figures import CurrencyFigures, read_month_figures
from customers.models import Seller
from invoices.models import MonthLock
from lib.decimals import EXACT
from lib.email_layout import Button, EmailLayout, EmailSender, EmailTable
from lib.formats import format_money

logger = logging.getLogger(__name__)
PERMISSION = "invoices.lock_month"
BACKEND = "django.contrib.auth.backends.ModelBackend"
"""The backend that holds the permissions of staff."""

MAX_RECIPIENTS = 50
STAFF_SENDER = EmailSender(name="Tollbook")


def mail_closed_month(lock_id: int, *, at: datetime) -> int:
    """
    Send the email about a month whose postings are frozen; return to how many users.

    It is called once, after the commit that freezes the month. An unreachable mail server loses the email: the month
    is closed in any case, and its page has these figures.
    """
    lock = MonthLock.objects.select_related("seller", "locked_by").get(pk=lock_id)
    text = compose_email(lock, at=at)
    recipients = list(_recipients(lock.seller))
    for user in recipients:
        try:
            text.as_message(user.email).send()
        except OSError:
            logger.exception("The email about a closed month could not be sent.")
    return len(recipients)


def compose_email(lock: MonthLock, *, at: datetime) -> EmailLayout:
    names = {"month": date_format(lock.month, "F Y"), "seller": lock.seller.legal_name}
    figures = read_month_figures(lock.seller, lock.month, lock=lock, at=at)
    answer = _("%(month)s is closed for %(seller)s, and its postings are frozen.") % names
    return EmailLayout(
        language=get_language() or "en",
        subject=_("%(month)s is closed for %(seller)s") % names,
        paragraphs=(answer, *_who(lock)),
        tables=[_table(currency_figures) for currency_figures in figures.currencies],
        button=Button(_("Open %(month)s") % names, settings.PUBLIC_URL + _month_page(lock.seller, lock.month)),
        reads_first=True,
        note=_("You receive this email because you can lock months of %(seller)s.") % names,
        sender=STAFF_SENDER,
    )


def _who(lock: MonthLock) -> Iterator[str]:
    if lock.locked_by is not None:
        name = lock.locked_by.get_full_name() or lock.locked_by.get_username()
        time = date_format(lock.locked_at.astimezone(UTC), "DATETIME_FORMAT")
        yield _("%(user)s locked it on %(time)s UTC.") % {"user": name, "time": time}


def _table(figures: CurrencyFigures) -> EmailTable:
    rows = (
        (_("Invoiced"), figures.invoiced),
        (_("Credited"), EXACT.minus(figures.credited)),
        (_("Tax"), figures.tax),
        (_("Collected"), figures.collected),
        (_("Receivables at the end"), figures.receivables),
        (_("Earned"), figures.earned),
    )
    return EmailTable(
        (figures.currency, _("Amount")), [(label, format_money(amount, figures.currency)) for label, amount in rows]
    )


def _month_page(seller: Seller, month: date) -> str:
    return reverse("admin:month_end_month", args=[seller.pk, f"{month:%Y-%m}"])


def _recipients(seller: Seller) -> Iterator[User]:
    """Yield the users with a mailbox who can lock months and work for the seller."""
    users = User.objects.with_perm(PERMISSION, backend=BACKEND).filter(is_staff=True).exclude(email="")
    read_sellers = import_string(settings.STAFF_SELLERS)
    for user in users.order_by("pk")[:MAX_RECIPIENTS]:
        seller_ids = read_sellers(user)
        if seller_ids is None or seller.pk in seller_ids:
            yield user
