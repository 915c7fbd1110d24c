"""The details of top-ups in emails, as of their sending (the setting EMAIL_DETAILS)."""

from collections.abc import Sequence

from customers.notifications.announcement import Facts
from customers.notifications.email_preparation import EmailRequest
from lib.decimals import to_plain_string
from wallets.models import Purchase

KIND = "topup.paid"


def read_details(requests: Sequence[EmailRequest]) -> list[Facts]:
    """Return for each email about a paid top-up the units that it added, in one query."""
    purchase_ids = {int(request.facts.get("purchase") or 0) for request in requests if request.kind == KIND} - {0}
    purchases = Purchase.objects.select_related("wallet").in_bulk(purchase_ids) if purchase_ids else {}
    return [
        _details(purchase)
        if request.kind == KIND and (purchase := purchases.get(int(request.facts.get("purchase") or 0)))
        else {}
        for request in requests
    ]


def _details(purchase: Purchase) -> Facts:
    return {
        "units": to_plain_string(purchase.units),
        "bonus": to_plain_string(purchase.bonus) if purchase.bonus else None,
        "unit": purchase.wallet.unit,
        "invoice": purchase.invoice_id,
    }
