"""Remove the personal data of old bank lines: docs/personal-data.md#retention."""

from datetime import datetime

from django.conf import settings
from django.db.models import Q

from invoices.models import BankLine
from invoices.models.bank_statements import BankLineState
from lib.queue import NO_DEADLINE, Deadline, repeat_while_full
from lib.retention import kept_since

BATCH_SIZE = 2_000
DECIDED = (BankLineState.BOOKED, BankLineState.IGNORED, BankLineState.OUTGOING)
PERSONAL = ("payer_name", "payer_account", "text", "end_to_end_id")


def blank_old_lines(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Blank names, accounts and purposes of decided lines whose time is over; return their number.

    Amounts, dates and the bank's references stay.
    """
    before = kept_since(at, days=settings.BANK_LINE_RETENTION_DAYS).date()
    has_data = Q()
    for column in PERSONAL:
        has_data |= ~Q(**{column: ""})
    lines = BankLine.objects.filter(has_data, state__in=DECIDED, value_date__lt=before)

    def blank_batch() -> int:
        if not deadline.has_time():
            return 0
        batch = list(lines.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
        return BankLine.objects.filter(pk__in=batch).update(**dict.fromkeys(PERSONAL, ""))

    return repeat_while_full(blank_batch, size=BATCH_SIZE)
