"""Match the lines that wait for it: the table is the queue, and each line is one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError
from django.utils.translation import gettext as _

from access.approvals import ApprovalNeeded, Requester, perform_unless_approval_is_needed
from invoices.models import BankLine, Invoice
from invoices.models.bank_statements import BankLineState
from invoices.payments.bank_matches import MatchDecision, decide
from invoices.payments.bank_statements.acts import BookBankLine
from invoices.payments.bank_statements.bookings import leave_for_review
from invoices.payments.bank_statements.candidate_reader import (
    PayerDirectory,
    read_candidates,
    read_payers,
    received_amount,
)
from lib.audit_log import audited_transaction
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

logger = logging.getLogger(__name__)
BATCH_SIZE = 500


@dataclass(slots=True)
class MatchCounts:
    """Lines that one run booked and left for review."""

    booked: int = 0
    review: int = 0


def match_lines(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> MatchCounts:
    """
    Book the new lines that leave no doubt, the oldest first, and leave the others for review.

    Safe to run concurrently and to kill: a line is one transaction, and one that another worker holds is skipped.
    """
    counts, directories, last = MatchCounts(), dict[int, PayerDirectory](), 0
    new_lines = BankLine.objects.filter(state=BankLineState.NEW).order_by("pk")
    while line_ids := list(new_lines.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH_SIZE]):
        for line_id in deadline.limit(line_ids):
            state = _match_or_leave(line_id, directories, at)
            counts.booked += state == BankLineState.BOOKED
            counts.review += state == BankLineState.REVIEW
        last = line_ids[-1]
        if not deadline.has_time():
            break
    return counts


def _match_or_leave(line_id: int, directories: dict[int, PayerDirectory], at: datetime) -> str:
    try:
        return _match(line_id, directories, at)
    except OperationalError:
        raise  # the database is not available; the line stays due
    except Exception:
        logger.exception("Bank line %s could not be matched.", line_id)
        with audited_transaction("leave bank line for review", by=None, at=at, bank_line=line_id):
            line = lock_free_row(BankLine.objects.filter(pk=line_id, state=BankLineState.NEW))
            if line is not None:
                leave_for_review(line, _("An error prevented the booking; the log has the details."))
        return BankLineState.REVIEW


def _match(line_id: int, directories: dict[int, PayerDirectory], at: datetime) -> str:
    with audited_transaction("match bank line", by=None, at=at, bank_line=line_id):
        waiting = BankLine.objects.select_related("account__seller", "statement__by", "statement__api_key")
        line = lock_free_row(waiting.filter(pk=line_id, state=BankLineState.NEW))
        if line is None:
            return ""
        seller = line.account.seller
        if seller.pk not in directories:
            directories[seller.pk] = PayerDirectory(seller)
        decision = _decide_under_locks(line, directories[seller.pk])
        if not decision.bookings:
            leave_for_review(line, decision.reason)
            return BankLineState.REVIEW
        act = BookBankLine(
            line_id=line.pk,
            shares=[(booking.invoice_id, booking.amount) for booking in decision.bookings],
            reason=decision.reason,
        )
        requester = Requester(user=line.statement.by, api_key_id=line.statement.api_key_id)
        try:
            perform_unless_approval_is_needed(act, by=requester, at=at)
        except (*BookBankLine.refusals, ApprovalNeeded) as refused:
            leave_for_review(line, str(refused))
            return BankLineState.REVIEW
        return BankLineState.BOOKED


def _decide_under_locks(line: BankLine, directory: PayerDirectory) -> MatchDecision:
    """Return a decision whose invoices are as they were read, until the end of the transaction."""
    (payer,) = read_payers([line], directory)
    read: Sequence[int] = ()
    while True:
        decision = decide(received_amount(line), candidates=read_candidates(line), payer=payer)
        invoice_ids = sorted(booking.invoice_id for booking in decision.bookings)
        if set(invoice_ids) <= set(read):
            return decision
        # Row locks, in the order of the ids. A payment may have come before them, so the candidates are read again.
        list(Invoice.objects.select_for_update(no_key=True).filter(pk__in=invoice_ids).order_by("pk"))
        read = [*read, *invoice_ids]
