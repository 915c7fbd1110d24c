"""Forms of wallet actions: with a reason, and a key by which sending them twice moves once."""

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from lib.admin import StaffForm
from lib.decimals import EXACT
from lib.field_types import Digits
from plans.models import Feature
from plans.models.catalog import FeatureKind
from wallets.models import Lot, Wallet
from wallets.operations.manual_grants import MANUAL_KINDS
from wallets.statements.formats import shown

UNITS: Digits = {"max_digits": 32, "decimal_places": 12}


class MoveForm(StaffForm):
    """Fields of every action. key: created with the page, so that sending it twice moves once."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = uuid4()
        self.fields["_reason"] = forms.CharField(
            label=_("Reason (kept in the ledger)"),
            max_length=300,
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        )


class GrantForm(MoveForm):
    """Grant credits."""

    kind = forms.ChoiceField(label=_("Kind"), choices=[(kind.value, kind.label) for kind in MANUAL_KINDS])
    amount = forms.DecimalField(label=_("Amount"), **UNITS)
    valid_from = forms.SplitDateTimeField(label=_("Starts (UTC)"), required=False, help_text=_("Empty: now."))
    expires_at = forms.SplitDateTimeField(label=_("Expires (UTC)"), required=False, help_text=_("Empty: never."))
    features = forms.ModelMultipleChoiceField(
        queryset=Feature.objects.filter(kind=FeatureKind.METERED).order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label=_("Features"),
        help_text=_("A grant for some features pays for nothing else. It settles no overdraft. None: for all."),
    )


class TransferForm(MoveForm):
    """Transfer value to another wallet."""

    to = forms.ModelChoiceField(label=_("To wallet"), queryset=Wallet.objects.none(), empty_label=None)
    amount = forms.DecimalField(label=_("Amount"), **UNITS)

    def __init__(self, *args: Any, subject: Wallet, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        others = Wallet.objects.filter(
            customer=subject.customer_id,
            seller=subject.seller_id,
            unit=subject.unit,
            currency=subject.currency,
            closed_at__isnull=True,
        )
        self.fields["to"].queryset = others.exclude(pk=subject.pk).select_related("customer")


class TakeOutForm(MoveForm):
    """Take units of a lot out of its wallet."""

    amount = forms.DecimalField(label=_("Amount"), **UNITS)

    def __init__(self, *args: Any, subject: Lot, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        free = EXACT.subtract(subject.remaining, subject.held)
        self.fields["amount"].initial = free
        help_text = gettext("Available: %(amount)s") % {"amount": shown(free, subject.wallet.unit)}
        self.fields["amount"].help_text = help_text


class ExtendForm(MoveForm):
    """Extend the validity of a lot."""

    expires_at = forms.SplitDateTimeField(label=_("Expires (UTC)"), required=False, help_text=_("Empty: never."))

    def __init__(self, *args: Any, subject: Lot, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["expires_at"].initial = subject.expires_at
