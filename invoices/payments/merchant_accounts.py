"""Set the own account of a seller at a payment provider: docs/payments.md#several-sellers."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Seller
from invoices.models import MerchantAccount
from lib.audit_log import audited_transaction
from lib.encryption import encrypt


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
    at: datetime,
    by: User | None = None,
    replaces_keys: bool = False,
) -> MerchantAccount:
    """
    Set a seller's own Stripe account, which collects its payments from now on.

    ref: the account's id, such as acct_1; if given, events must be of this account.
    replaces_keys: whether the keys are of the same account as before. Otherwise the earlier account is closed: what
        it collected is still refunded there, and customers store their cards again.

    :raises MerchantAccountRefused: if a secret has another form, or there is no account whose keys to replace.
    """
    if not secret_key.startswith(("sk_", "rk_")):
        text = _("Enter a secret key of Stripe, which begins with sk_ or rk_.")
        raise MerchantAccountRefused(text, field="secret_key")
    if not webhook_secret.startswith("whsec_"):
        raise MerchantAccountRefused(
            _("Enter the signing secret of Stripe's webhook, which begins with whsec_."), field="webhook_secret"
        )
    with audited_transaction("set merchant account", by=by, at=at, seller=seller.pk):
        # Seller lock: two requests can't open two accounts.
        Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
        open_accounts = MerchantAccount.objects.filter(seller=seller, provider="stripe", closed_at__isnull=True)
        secrets = {"secret_key": encrypt(secret_key), "webhook_secret": encrypt(webhook_secret), "ref": ref}
        if replaces_keys:
            if not open_accounts.update(**secrets):
                raise MerchantAccountRefused(_("The seller has no account of its own yet."), field="replaces_keys")
            return open_accounts.get()
        open_accounts.update(closed_at=at)
        return MerchantAccount.objects.create(seller=seller, **secrets, created_at=at)
