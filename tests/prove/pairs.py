"""
Run two operations on one invoice at the same time, for every pair of operations, and from every initial state.

The outcome must be that of running one after the other, in either order: the same answers to both, and the same
amounts paid, credited, refunded and kept. These outcomes are determined beforehand, on equal invoices. Two more are
legal, because a charge takes time: an operation that would reverse the charge must wait; and a transfer may arrive
during any other operation, so that an excess is kept on the customer's balance.
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
SAID = ("neither succeeded", "one succeeded", "both succeeded")
_serial = count(1)


class Outcome(NamedTuple):
    """
    answers: to both operations. taken, credited: of the invoice. back: refunded or to be. kept: on the customer's
        balance.
    """

    answers: tuple[str, str]
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
    options = parser.parse_args(arguments)
    pairs = list(combinations_with_replacement(OPERATIONS, 2))
    states = f"from {len(options.starts)} states, {options.times} times"
    title = f"{len(pairs)} pairs of operations on one invoice at once, {states}"
    verdict = Verdict(title, seed=options.seed)
    logging.disable(logging.CRITICAL)
    with Server() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = server.secret_key, server.address
        _race_all(PairRace(server.books), options.starts, pairs, options.times, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _race_all(
    world: "PairRace", starts: Sequence[str], pairs: Sequence[tuple[str, str]], times: int, verdict: Verdict
) -> None:
    tallied: Counter[str] = Counter()
    for start in starts:
        for pair in pairs:
            legal = {world.outcome(start, pair, _one_after_the_other), world.outcome(start, pair, _the_other_first)}
            legal |= _outcomes_during_a_charge(pair, legal)
            raced_outcomes = Counter(world.outcome(start, pair, _at_once) for _ in range(times))
            for outcome, many in raced_outcomes.items():
                name = (
                    f"{start}: {' and '.join(pair)} resulted in {outcome}, {many} times, which is not one of {legal}"
                )
                verdict.require(outcome in legal, name)
                verdict.require(outcome.credited <= TOTAL, f"{start}: {pair}: {outcome.credited} is credited")
                claimed = max(TOTAL - outcome.credited, Decimal(0)) if outcome.state != "draft" else Decimal(0)
                surplus = outcome.taken - outcome.back - outcome.kept - claimed
                verdict.require(surplus <= 0, f"{start}: {pair}: {surplus} too much is kept")
            for raced, many in raced_outcomes.items():
                tallied[SAID[raced.answers.count("done")]] += many
            tallied["pairs whose order matters"] += len(legal) > 1
            tallied["of these, both orders occurred"] += len(legal) > 1 and len(raced_outcomes) > 1
    table(["response", "times"], sorted(tallied.items()))


def _outcomes_during_a_charge(pair: tuple[str, str], legal: Set[Outcome]) -> Set[Outcome]:
    """
    Return the additional legal outcomes of a pair with an operation that takes time, if the operation is done at all.
    """
    if pair[0] != "charge" or not any(outcome.answers[0] == "done" for outcome in legal):
        return set()
    alone = Outcome(("done", "refused"), "paid", taken=TOTAL, credited=ZERO, back=ZERO, kept=ZERO)
    if pair[1] == "transfer":
        return {alone._replace(answers=("done", "done"), taken=2 * TOTAL, kept=TOTAL)}
    return {alone} if pair[1] in ("void", "credit", "refund") else set()


class PairRace:
    def __init__(self, books: Books) -> None:
        self.books, self.seller = books, make_seller("racer")
        make_tax("0", seller=self.seller)

    def outcome(self, start: str, pair: tuple[str, str], run_both: Callable[..., list[str]]) -> Outcome:
        invoice = self._invoice(start)
        given_answers = run_both(lambda: _try_operation(pair[0], invoice), lambda: _try_operation(pair[1], invoice))
        _settle(invoice)
        invoice.refresh_from_db()
        entries = BalanceEntry.objects.filter(customer=invoice.customer)
        refunds = Refund.objects.filter(customer=invoice.customer).exclude(state="declined")
        keys = {str(charge.key) for charge in invoice.charges.all()}
        by_card = sum(
            payment_intent["amount"]
            for payment_intent in self.books.taken()
            if payment_intent["metadata"].get("tollbook_key") in keys
        )
        by_hand = _sum(invoice.payments.filter(method="manual"))
        return Outcome(
            answers=(given_answers[0], given_answers[1]),
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


def _try_operation(name: str, invoice: Invoice) -> str:
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
    """Wait for the result of everything in progress."""
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
