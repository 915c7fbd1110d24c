"""Forms of wallet actions: previewed first, with a reason, and carried out once however often they are sent."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
)

from customers.customer_time import current_time
from lib.admin.number_fields import NumberInput
from lib.decimals import EXACT
from plans.models import Feature
from wallets.credit_rules.units import InvalidAmount
from wallets.ledger.adjustments import extend, refund, transfer, void
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant
from wallets.ledger.locked_wallets import WalletNotFound
from wallets.models import Lot, Wallet
from wallets.operations.dry_run import WalletEffect, dry_run
from wallets.operations.manual_grants import MANUAL_KINDS, grant_manually
from wallets.statements.formats import shown

UNITS = {"max_digits": 32, "decimal_places": 12}


class MoveForm(forms.Form):
    """Fields of every action. key: created with the page, so that sending it twice moves once."""

    verb, danger = "", False
    fields_of_ledger: Mapping[str, str] = {}

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject
        self.fields["key"].initial = uuid4()
        self.fields["_reason"] = forms.CharField(
            label="Reason, kept with the movement",
            max_length=300,
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that every operation takes."""
        return {"reference": f"staff:{self.cleaned_data['key']}", "reason": self.cleaned_data["_reason"]}

    def wallet_ids(self) -> list[int]:
        """Return the wallets that the action changes."""
        return [self.subject.wallet_id if isinstance(self.subject, Lot) else self.subject.pk]

    def act(self, *, at: datetime, by: Any) -> None:
        """Carry out the action."""
        raise NotImplementedError


class GrantForm(MoveForm):
    """Grant credits."""

    verb = "Grant"

    kind = forms.ChoiceField(
        label="As", choices=[(kind.value, kind.label) for kind in MANUAL_KINDS], widget=UnfoldAdminSelectWidget
    )
    amount = forms.DecimalField(**UNITS, widget=NumberInput())
    expires_at = forms.SplitDateTimeField(
        label="Expires (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="Empty: never.",
    )
    feature = forms.ModelChoiceField(
        queryset=Feature.objects.order_by("name"),
        required=False,
        empty_label="all features",
        label="For",
        widget=UnfoldAdminSelectWidget,
        help_text="What is kept for one feature pays nothing else, and no debt.",
    )

    def act(self, *, at: datetime, by: Any) -> None:
        cleaned, feature = self.cleaned_data, self.cleaned_data["feature"]
        grant = Grant(
            cleaned["kind"],
            cleaned["amount"],
            self.arguments["reference"],
            expires_at=cleaned["expires_at"],
            features=[feature.pk] if feature else (),
        )
        grant_manually(wallet=self.subject, terms=grant, reason=cleaned["_reason"], at=at, by=by)


class TransferForm(MoveForm):
    """Transfer value to another wallet."""

    verb = "Transfer"

    to = forms.ModelChoiceField(queryset=Wallet.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget)
    amount = forms.DecimalField(**UNITS, widget=NumberInput())

    def __init__(self, *args: Any, subject: Wallet, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        others = Wallet.objects.filter(
            customer=subject.customer_id, unit=subject.unit, currency=subject.currency, closed_at__isnull=True
        )
        self.fields["to"].queryset = others.exclude(pk=subject.pk).select_related("customer")

    def wallet_ids(self) -> list[int]:
        return [self.subject.pk, self.cleaned_data["to"].pk]

    def act(self, *, at: datetime, by: Any) -> None:
        to, amount = self.cleaned_data["to"].pk, self.cleaned_data["amount"]
        transfer(from_id=self.subject.pk, to_id=to, amount=amount, **self.arguments, at=at, by=by)


class TakeOutForm(MoveForm):
    """Take units of a lot out of its wallet."""

    danger = True

    amount = forms.DecimalField(**UNITS, widget=NumberInput())

    def __init__(self, *args: Any, subject: Lot, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        free = EXACT.subtract(subject.remaining, subject.held)
        self.fields["amount"].initial = free
        self.fields["amount"].help_text = f"{shown(free, subject.wallet.unit)} are left of it and not held."


class VoidLotForm(TakeOutForm):
    """Void units without paying for them."""

    verb = "Void"

    def act(self, *, at: datetime, by: Any) -> None:
        void(lot_id=self.subject.pk, amount=self.cleaned_data["amount"], **self.arguments, at=at, by=by)


class RefundForm(TakeOutForm):
    """Refund units: they are voided, and their cost is paid back."""

    verb = "Refund"

    def act(self, *, at: datetime, by: Any) -> None:
        refund(lot_id=self.subject.pk, amount=self.cleaned_data["amount"], **self.arguments, at=at, by=by)


class ExtendForm(MoveForm):
    """Extend the validity of a lot."""

    verb = "Extend"

    expires_at = forms.SplitDateTimeField(
        label="Expires (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="Empty: never.",
    )

    def __init__(self, *args: Any, subject: Lot, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["expires_at"].initial = subject.expires_at

    def act(self, *, at: datetime, by: Any) -> None:
        lot = Lot.objects.get(pk=self.subject.pk)
        if lot.expires_at != self.cleaned_data["expires_at"]:  # a second submit finds it done
            extend(
                lot_id=lot.pk,
                expires_at=self.cleaned_data["expires_at"],
                reason=self.cleaned_data["_reason"],
                at=at,
                by=by,
            )


def action_view(
    page: ModelAdmin,
    request: HttpRequest,
    subject: Wallet | Lot,
    *,
    form_class: type[MoveForm],
    title: str,
    facts: list[str],
    done: Callable[[MoveForm], str],
) -> HttpResponse:
    """Show the form of an action, preview its effect, and carry it out."""
    wallet = subject.wallet if isinstance(subject, Lot) else subject
    back = reverse("admin:wallets_wallet_change", args=[wallet.pk])
    form = form_class(request.POST or None, subject=subject)
    effect = None
    if request.method == "POST" and form.is_valid():
        at = current_time(wallet.customer)
        try:
            if "_do" in request.POST:
                form.act(at=at, by=request.user)
                messages.success(request, done(form))
                return HttpResponseRedirect(back)
            effect = dry_run(lambda: form.act(at=at, by=request.user), wallet_ids=form.wallet_ids())
        except InvalidAmount as refused:
            form.add_error("amount", str(refused))
        except WalletNotFound as refused:
            form.add_error(None, f"{refused} It was closed.")
        except LedgerRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "opts": None,
        "facts": facts,
        "form": form,
        "media": page.media + form.media,
        "verb": form.verb,
        "danger": form.danger,
        "effect": effect_shown(effect, form) if effect else None,
        "back": back,
    }
    request.current_app = page.admin_site.name
    return TemplateResponse(request, "staff/wallets/wallet_action.html", context)


def effect_shown(effect: WalletEffect, form: MoveForm) -> dict[str, Any]:
    """Return the effect as text."""
    if isinstance(form, ExtendForm):
        current, new = (moment(expiry) for expiry in (form.subject.expires_at, form.cleaned_data["expires_at"]))
        return {"sentences": [f"It expires {new} instead of {current}. Nothing moves in the ledger."]}
    rows = [
        {
            "what": entry.transaction.get_kind_display(),
            "lot": str(entry.lot) if entry.lot_id else "what is owed",
            "wallet": entry.wallet.name,
            "units": shown(entry.units, entry.wallet.unit),
            "cost": shown(entry.money, str(entry.wallet.currency)) if entry.money else "",
        }
        for entry in effect.entries
    ]
    changes = [
        {
            "wallet": change.wallet.name,
            "before": shown(change.wallet.balance, change.wallet.unit),
            "after": shown(change.balance, change.wallet.unit),
            "debt": shown(change.debt, change.wallet.unit) if change.debt else "",
        }
        for change in effect.changes
    ]
    sentences = []
    if isinstance(form, RefundForm):
        paid_back = shown(-sum(entry.money for entry in effect.entries), str(form.subject.wallet.currency))
        sentences = [f"{paid_back} before tax are to be paid back to the customer."]
    if not rows:
        sentences = ["It has been done already: nothing moves again."]
    return {"rows": rows, "changes": changes, "sentences": sentences}


def moment(at: datetime | None) -> str:
    """Return the time at which something expires, for use in a sentence."""
    return "never" if at is None else f"on {date_format(timezone.localtime(at), 'DATETIME_FORMAT')} UTC"
