"""A wallet's statement as a page, with links to its files."""

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.customer_time import current_time
from lib.admin import page_url, staff_page
from wallets.ledger.errors import LedgerRefused
from wallets.models import LotKind, Wallet
from wallets.statements.downloads import csv_answer, pdf_answer
from wallets.statements.files import NoFont
from wallets.statements.ledger_sums import read_statement
from wallets.statements.totals import STAYS, Statement, StatementLine, StatementSection

DAY = timedelta(days=1)
TEXTS = {
    StatementSection.EXPIRED: _("Expired"),
    StatementSection.ROLLED_OVER: _("Rolled over"),
    StatementSection.REPAID: _("Overdraft settled"),
    StatementSection.PAID: _("Invoices paid"),
    StatementSection.REFUNDED: _("Refunded"),
    StatementSection.VOIDED: _("Voided"),
    StatementSection.TRANSFERRED_IN: _("Transferred from another wallet"),
    StatementSection.TRANSFERRED_OUT: _("Transferred to another wallet"),
}


class SpanForm(forms.Form):
    """Whole days in the customer's time zone, both included."""

    since = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date", "class": "field"}))
    until = forms.DateField(label=_("to"), widget=forms.DateInput(attrs={"type": "date", "class": "field"}))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("since") and cleaned.get("until") and cleaned["until"] < cleaned["since"]:
            self.add_error("until", gettext("The end must not be before the start."))
        return cleaned


def statement_page(request: HttpRequest, wallet: Wallet) -> HttpResponseBase:
    """Show the statement of the requested days, or of this month; or send it as a file."""
    zone = ZoneInfo(wallet.customer.time_zone)
    today = current_time(wallet.customer).astimezone(zone).date()
    defaults = {"since": today.replace(day=1), "until": today}
    form = SpanForm(request.GET if "since" in request.GET else defaults)
    context: dict[str, Any] = {}
    if form.is_valid():
        since, until = _moments(form.cleaned_data["since"], form.cleaned_data["until"], zone)
        try:
            statement = read_statement(wallet, since=since, until=until)
            if (answer := {"csv": csv_answer, "pdf": pdf_answer}.get(request.GET.get("as", ""))) is not None:
                return answer(wallet, statement, since=since, until=until)
            dates = {name: f"{form.cleaned_data[name]:%Y-%m-%d}" for name in defaults}
            context = {"statement": statement, "lines": _lines(statement), "asked": urlencode(dates)}
        except LedgerRefused as refused:
            form.add_error(refused.field, str(refused))
        except NoFont as refused:
            messages.error(request, str(refused))
    return staff_page(
        request,
        "staff/wallets/statement.html",
        title=gettext("Statement of %(wallet)s") % {"wallet": wallet},
        wallet=wallet,
        form=form,
        months=_months(today),
        back=page_url(wallet),
        **context,
    )


def _lines(statement: Statement) -> list[tuple[str, StatementLine, bool]]:
    """Return the lines, each with its text and whether its amount stays in the wallet."""
    return [(_text(line), line, line.section in STAYS) for line in statement.lines]


def _text(line: StatementLine) -> str:
    if line.section == StatementSection.GRANTED:
        return gettext("Granted: %(kind)s") % {"kind": LotKind(line.name).label}
    if line.section == StatementSection.USED:
        return gettext("Used: %(feature)s") % {"feature": line.name or gettext("manual")}
    return str(TEXTS[line.section])


def _moments(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return datetime.combine(first, time.min, zone), datetime.combine(last + DAY, time.min, zone)


def _months(today: date) -> list[dict[str, str]]:
    """Return the last months, the newest first, with the query of their statements."""
    months, last = [], today.replace(day=1) - DAY
    for _month in range(6):
        first = last.replace(day=1)
        months.append({"name": date_format(first, "M Y"), "asked": urlencode({"since": first, "until": last})})
        last = first - DAY
    return months
