"""Changes of the mapping: those that concern a locked month need the approver and a reason."""

from datetime import date

from django.utils.translation import gettext as _

from billing.models import AccountMapping
from invoices.models import MonthLock

CHANGE_PAST = "billing.change_past_accountmapping"
"""The permission to change what applies to a locked month."""


class MappingRefused(ValueError):
    """The mapping can't be changed like this; the text gives the way out. field: where to correct it."""

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


def check_mapping_change(new: AccountMapping, *, old: AccountMapping | None, may_change_past: bool) -> None:
    """
    Check a new or changed mapping before it is stored. The database checks the reason again.

    :raises MappingRefused: if it applies to a locked month, and the user may not change that, or no new reason is
        given; or if the account belongs to another seller or target.
    """
    if new.account.seller_id != new.seller_id or new.account.target not in ("", new.target):
        raise MappingRefused(_("Choose an account of the same seller and target, or of all targets."), "account")
    lock = find_last_lock(new.seller_id, min(row.from_month for row in (new, old) if row is not None))
    if lock is None:
        return
    if not may_change_past:
        text = _("%(month)s is locked. Begin with a later month, or ask the finance approver.")
        raise MappingRefused(text % {"month": lock}, "from_month")
    if not new.reason or (old is not None and new.reason == old.reason):
        text = _("%(month)s is locked. Enter the reason for the change; it is kept with the mapping.")
        raise MappingRefused(text % {"month": lock}, "reason")


def find_last_lock(seller_id: int, month: date) -> MonthLock | None:
    """Return the lock of a seller's last locked month, if that is this month or a later one."""
    locks = MonthLock.objects.filter(seller=seller_id, unlocked_at__isnull=True, month__gte=month)
    return locks.order_by("month").last()
