"""Sign-ins, failed ones, and changes of one's own password or second factor, for the audit log."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from access.models import AccountEvent
from lib.client_address import client_address


def record_account_event(
    kind: str,
    *,
    request: HttpRequest | None,
    user: User | None,
    way: str = "",
    by: User | None = None,
    reason: str = "",
) -> None:
    """
    Record an event of an account.

    kind: one of `AccountEventKind`. user: None if nobody has the entered name. way: how, or which setting or help.
    by, reason: the administrator who helped, and why.
    """
    AccountEvent.objects.create(
        user=user,
        name=user.get_username() if user else "",
        kind=kind,
        way=way[:60],
        by=by,
        reason=reason,
        address=(client_address(request) or "") if request else "",
        at=timezone.now(),
    )
