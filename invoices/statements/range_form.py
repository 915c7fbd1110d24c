"""The choice of an account and of days, as the pages of staff and customers offer it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Seller
from invoices.documents.calendar_months import month_before, month_of
from invoices.statements.account_statement import (
    AccountStatement,
    StatementRefused,
    read_account_statement,
    read_accounts,
)

SEPARATOR = ":"


class StatementRangeForm(forms.Form):
    """An account (seller and currency), and the first and last day; by default the last two months and this one."""

    account = forms.ChoiceField(label=_("Account"), widget=forms.Select(attrs={"class": "field"}))
    since = forms.DateField(
        label=_("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "field"})
    )
    until = forms.DateField(
        label=_("To"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "field"})
    )

    def __init__(
        self,
        query: Mapping[str, Any],
        *,
        customer: Customer,
        at: datetime,
        seller_ids: frozenset[int] | None = None,
    ) -> None:
        """query: the address's; what it lacks has a default. seller_ids: the sellers to choose from; None for all."""
        self.customer = customer
        accounts = [pair for pair in read_accounts(customer) if seller_ids is None or pair[0] in seller_ids]
        self.sellers = Seller.objects.in_bulk({seller_id for seller_id, _currency in accounts})
        choices = [
            (f"{seller_id}{SEPARATOR}{currency}", f"{self.sellers[seller_id]}, {currency}")
            for seller_id, currency in accounts
        ]
        today = at.astimezone(ZoneInfo(customer.seller.time_zone)).date()
        defaults = {
            "account": choices[0][0] if choices else "",
            "since": _two_months_before(today).isoformat(),
            "until": today.isoformat(),
        }
        chosen = {name: str(query[name]) for name in defaults if query.get(name)}
        super().__init__(defaults | chosen)
        self.fields["account"].choices = choices  # type: ignore[attr-defined]  # of a choice field
        if len(choices) == 1:
            self.fields["account"].widget = forms.HiddenInput()

    def read(self) -> AccountStatement | None:
        """Return the chosen statement; None if the form has errors."""
        if not self.is_valid():
            return None
        seller_id, currency = self.cleaned_data["account"].split(SEPARATOR)
        try:
            return read_account_statement(
                customer=self.customer,
                seller=self.sellers[int(seller_id)],
                currency=currency,
                since=self.cleaned_data["since"],
                until=self.cleaned_data["until"],
            )
        except StatementRefused as refused:
            self.add_error(refused.field or None, str(refused))
            return None


def _two_months_before(day: date) -> date:
    return month_before(month_before(month_of(day)))
