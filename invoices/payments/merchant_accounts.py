"""Set the own account of a seller at a payment provider: docs/payments.md#several-sellers."""

import re
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Seller
from invoices.models import MerchantAccount
from lib.audit_log import audited_transaction
from lib.encryption import encrypt

METHOD_KIND = re.compile("[a-z][a-z0-9_]{1,39}")


class MerchantAccountRefused(Exception):
    """The account can't be set; the text says why. field: the field at fault."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


def set_merchant_account(
    *,
    seller: Seller,
    secret_key: str,
    webhook_secret: str,
    ref: str = "",
    method_kinds: Sequence[str] = (),
    at: datetime,
    by: User | None = None,
    replaces_keys: bool = False,
) -> MerchantAccount:
    """
    Set a seller's own Stripe account, which collects its payments from now on.

    ref: the account's id, such as acct_1; if given, events must be of this account.
    method_kinds: the payment methods that its pages offer; without any, those that are enabled at Stripe.
    replaces_keys: whether the keys are of the same account as before. Otherwise the earlier account is closed: what
        it collected is still refunded there, and customers store their cards again.

    :raises MerchantAccountRefused: if a secret or a payment method has another form, or there is no account whose
        keys to replace.
    """
    if not secret_key.startswith(("sk_", "rk_")):
        text = _("Enter a secret key of Stripe, which begins with sk_ or rk_.")
        raise MerchantAccountRefused(text, field="secret_key")
    if not webhook_secret.startswith("whsec_"):
        raise MerchantAccountRefused(
            _("Enter the signing secret of Stripe's webhook, which begins with whsec_."), field="webhook_secret"
        )
    if strange_kinds := [kind for kind in method_kinds if not METHOD_KIND.fullmatch(kind)]:
        text = _("“%(kind)s” is no payment method of Stripe. Enter names such as card and sepa_debit.")
        raise MerchantAccountRefused(text % {"kind": strange_kinds[0]}, field="method_kinds")
    with audited_transaction("set merchant account", by=by, at=at, seller=seller.pk):
        # Seller lock: two requests can't open two accounts.
        Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
        open_accounts = MerchantAccount.objects.filter(seller=seller, provider="stripe", closed_at__isnull=True)
        columns = {
            "secret_key": encrypt(secret_key),
            "webhook_secret": encrypt(webhook_secret),
            "ref": ref,
            "method_kinds": list(method_kinds),
        }
        if replaces_keys:
            if not open_accounts.update(**columns):
                raise MerchantAccountRefused(_("The seller has no account of its own yet."), field="replaces_keys")
            return open_accounts.get()
        open_accounts.update(closed_at=at)
        return MerchantAccount.objects.create(seller=seller, **columns, created_at=at)
