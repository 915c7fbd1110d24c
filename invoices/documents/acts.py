"""The unlocking of a month as an act that may need a second person: docs/approvals.md."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from invoices.documents.locked_months import MonthLockRefused, unlock_month
from invoices.models import MonthLock


class UnlockMonth(Act[MonthLock], frozen=True, kw_only=True):
    """As `unlock_month`."""

    name, kind, permission = "unlock_month", ApprovalKind.UNLOCKED_MONTHS, "invoices.unlock_month"
    refusals = (MonthLockRefused,)

    lock_id: int
    reason: str

    def read_facts(self, *, at: datetime) -> ActFacts:
        # Row lock, as `unlock_month` takes it.
        lock = MonthLock.objects.select_for_update(of=("self",)).select_related("seller").get(pk=self.lock_id)
        state = _("unlocked") if lock.unlocked_at else _("locked")
        return ActFacts(
            subject=lock,
            title=_("Unlock %(month)s of %(seller)s") % {"month": lock, "seller": lock.seller},
            seller_id=lock.seller_id,
            versions={str(lock): state},
            rows=[(_("Reason"), self.reason)],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> MonthLock:
        return unlock_month(lock_id=self.lock_id, reason=self.reason, by=by, at=at)
