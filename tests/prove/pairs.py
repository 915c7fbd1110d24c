"""
Do two things to one invoice at the same moment, for every pair of them, and from every state that it may begin in.

What comes of it must be what comes of doing one after the other, in this order or in that: the same said to both, the
same money taken, credited, sent back and kept. That is found out beforehand, on invoices like it. There are two more
ways, since a charge takes its time: what would take something back is told to wait; and a transfer has come whatever
else is under way, so that what is too much is kept for the customer.
"""

import argparse
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence, Set
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations_with_replacement, count
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Sum

from config.postgres import Cluster
from invoices.credit_notes import CreditRefused, RequestedCredit, issue_credit_note, void_invoice
from invoices.models import BalanceEntry, Invoice, Refund
from invoices.one_off_invoices import OneOffInvoiceRefused, OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused
from invoices.payments.manual_payments import PaymentRefused, record_payment
from invoices.payments.refunds import refund as refunding
from lib.task_clock import database_time
from tests.builders import make_customer, make_seller, make_tax
from tests.prove.final_check import books_are_sound
from tests.prove.verdict import Verdict, table
from tests.races import together
from tests.stripe.cards import leave_card
from tests.stripe.server import Books, Server

TOTAL, SOME, ZERO = Decimal("100.00"), Decimal("30.00"), Decimal(0)
STARTS = ("draft", "issued", "paid")
REFUSALS = (PaymentAttemptRefused, OneOffInvoiceRefused, CreditRefused, PaymentRefused)
MAX_STEPS = 20
SAID = ("none was done", "one was done", "both were done")
_serial = count(1)


class Outcome(NamedTuple):
    """said: to both. taken, credited: of the invoice. back: sent back or to be. kept: on the customer's balance."""

    said: tuple[str, str]
    state: str
    taken: Decimal
    credited: Decimal
    back: Decimal
    kept: Decimal


def finalize(invoice: Invoice) -> None:
    issue_draft(invoice_id=invoice.pk, at=database_time())


def charge(invoice: Invoice) -> None:
    at = database_time()
    attempts.submit_attempt(attempt_id=attempts.start_payment(invoice_id=invoice.pk, at=at).pk, at=at)


def transfer(invoice: Invoice) -> None:
    record_payment(
        invoice_id=invoice.pk, amount=TOTAL, method="manual", reference=f"bank-{next(_serial)}", at=database_time()
    )


def annul(invoice: Invoice) -> None:
    void_invoice(invoice_id=invoice.pk, reason="A mistake", at=database_time())


def credit_some(invoice: Invoice) -> None:
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(1, SOME)], reason="Sorry", to="balance", at=database_time()
    )


def refund(invoice: Invoice) -> None:
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=database_time())


OPERATIONS = {
    "finalize": finalize,
    "charge": charge,
    "transfer": transfer,
    "void": annul,
    "credit": credit_some,
    "refund": refund,
}


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove pairs", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=STARTS, help="states to begin in")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args(arguments)
    pairs = list(combinations_with_replacement(OPERATIONS, 2))
    states = f"from {len(asked.starts)} states, {asked.times} times"
    title = f"{len(pairs)} pairs of operations on one invoice at once, {states}"
    verdict = Verdict(title, seed=asked.seed)
    logging.disable(logging.CRITICAL)
    with Server() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = server.secret_key, server.address
        _race_all(World(server.books), asked.starts, pairs, asked.times, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _race_all(
    world: "World", starts: Sequence[str], pairs: Sequence[tuple[str, str]], times: int, verdict: Verdict
) -> None:
    came: Counter[str] = Counter()
    for start in starts:
        for pair in pairs:
            legal = {world.outcome(start, pair, _one_after_the_other), world.outcome(start, pair, _the_other_first)}
            legal |= _while_charged(pair, legal)
            found = Counter(world.outcome(start, pair, _at_once) for _ in range(times))
            for outcome, many in found.items():
                name = f"{start}: {' and '.join(pair)} came to {outcome}, {many} times, and not to one of {legal}"
                verdict.require(outcome in legal, name)
                verdict.require(outcome.credited <= TOTAL, f"{start}: {pair}: {outcome.credited} is credited")
                claimed = max(TOTAL - outcome.credited, Decimal(0)) if outcome.state != "draft" else Decimal(0)
                surplus = outcome.taken - outcome.back - outcome.kept - claimed
                verdict.require(surplus <= 0, f"{start}: {pair}: {surplus} too much is taken for good")
            for one, many in found.items():
                came[SAID[one.said.count("done")]] += many
            came["pairs whose order matters"] += len(legal) > 1
            came["of these, both orders came about"] += len(legal) > 1 and len(found) > 1
    table(["what was said", "times"], sorted(came.items()))


def _while_charged(pair: tuple[str, str], legal: Set[Outcome]) -> Set[Outcome]:
    """Return what else may come of a pair of which one takes its time, where it is done at all."""
    if pair[0] != "charge" or not any(one.said[0] == "done" for one in legal):
        return set()
    alone = Outcome(("done", "refused"), "paid", taken=TOTAL, credited=ZERO, back=ZERO, kept=ZERO)
    if pair[1] == "transfer":
        return {alone._replace(said=("done", "done"), taken=2 * TOTAL, kept=TOTAL)}
    return {alone} if pair[1] in ("void", "credit", "refund") else set()


class World:
    def __init__(self, books: Books) -> None:
        self.books, self.seller = books, make_seller("racer")
        make_tax("0", seller=self.seller)

    def outcome(self, start: str, pair: tuple[str, str], run_both: Callable[..., list[str]]) -> Outcome:
        invoice = self._invoice(start)
        said = run_both(lambda: _said(pair[0], invoice), lambda: _said(pair[1], invoice))
        _settle(invoice)
        invoice.refresh_from_db()
        entries = BalanceEntry.objects.filter(customer=invoice.customer)
        refunds = Refund.objects.filter(customer=invoice.customer).exclude(state="declined")
        keys = {str(charge.key) for charge in invoice.charges.all()}
        by_card = sum(one["amount"] for one in self.books.taken() if one["metadata"].get("tollbook_key") in keys)
        by_hand = _sum(invoice.payments.filter(method="manual"))
        return Outcome(
            said=(said[0], said[1]),
            state=invoice.state,
            taken=Decimal(by_card) / 100 + by_hand,
            credited=invoice.credited,
            back=_sum(refunds),
            kept=_sum(entries),
        )

    def _invoice(self, start: str) -> Invoice:
        at = database_time()
        customer = make_customer(f"raced-{next(_serial)}", seller=self.seller)
        leave_card(customer, self.books)
        line = OneOffLine("Work", TOTAL, date(2026, 1, 15), date(2026, 1, 15))
        invoice = draft_invoice(customer=customer, request=OneOffRequest([line]), at=at)
        if start != "draft":
            invoice = issue_draft(invoice_id=invoice.pk, at=at)
        if start == "paid":
            charge(invoice)
        return invoice


def _said(name: str, invoice: Invoice) -> str:
    try:
        OPERATIONS[name](invoice)
    except REFUSALS:
        return "refused"
    return "done"


def _one_after_the_other(first: Callable[[], str], second: Callable[[], str]) -> list[str]:
    return [first(), second()]


def _the_other_first(first: Callable[[], str], second: Callable[[], str]) -> list[str]:
    return [second(), first()][::-1]


def _at_once(first: Callable[[], str], second: Callable[[], str]) -> list[str]:
    return together(first, second)


def _settle(invoice: Invoice) -> None:
    """Find out what came of everything that is under way."""
    later = database_time()
    for _ in range(MAX_STEPS):
        refunds = Refund.objects.filter(customer=invoice.customer, state="pending")
        if not (refunds.exclude(provider="manual").exists() or invoice.charges.filter(state="pending").exists()):
            return
        later += timedelta(minutes=2)
        attempts.collect_due_payments(at=later)
        refunding.submit_due_refunds(at=later)


def _sum(rows: Any) -> Decimal:
    return rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
