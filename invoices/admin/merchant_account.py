"""The action that sets a seller's own account at the payment provider."""

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import Seller
from invoices.models.payment_attempts import MAX_REF
from invoices.payments.merchant_accounts import MerchantAccountRefused, set_merchant_account
from lib.admin import ConfirmedAction, Response, StaffForm

MAX_SECRET = 300
MAX_METHOD_KINDS = 400


class MerchantAccountForm(StaffForm):
    """The keys of an account. They are stored encrypted and never shown again."""

    secret_key = forms.CharField(label=_("Secret key"), max_length=MAX_SECRET, widget=forms.PasswordInput)
    webhook_secret = forms.CharField(
        label=_("Signing secret of the webhook"), max_length=MAX_SECRET, widget=forms.PasswordInput
    )
    ref = forms.CharField(
        label=_("Account ID"),
        max_length=MAX_REF,
        required=False,
        help_text=_("Such as acct_1. If given, events of other accounts are refused."),
    )
    method_kinds = forms.CharField(
        label=_("Payment methods"),
        max_length=MAX_METHOD_KINDS,
        required=False,
        help_text=_("Such as “card sepa_debit”. If empty, pages offer those that are enabled at Stripe."),
    )
    replaces_keys = forms.BooleanField(
        label=_("Same account, new keys"),
        required=False,
        help_text=_("Otherwise the earlier account is closed, and customers store their cards again."),
    )

    def clean_method_kinds(self) -> list[str]:
        return str(self.cleaned_data["method_kinds"]).replace(",", " ").split()


class SetMerchantAccount(ConfirmedAction[Seller]):
    label, icon, verb = _("Payment account"), "account_balance", _("Save account")
    permission = "invoices.add_merchantaccount"
    form_class = MerchantAccountForm
    refusals = (MerchantAccountRefused,)
    title = _("Stripe account of {}")
    consequences = (
        _("Cards and payment pages of this seller's invoices use this account from now on."),
        _("Payments collected before are looked up and refunded where they were collected."),
    )

    def run(self, seller: Seller) -> Response:
        account = set_merchant_account(seller=seller, **self.choices, at=timezone.now(), by=self.user)
        address = self.request.build_absolute_uri(reverse("stripe_event_of_account", args=[account.pk]))
        text = gettext("The account is saved. Enter %(address)s as the address of its webhook at Stripe.")
        return self.done(text % {"address": address})
