"""
Collect money from a thousand customers while every possible failure occurs, and count how often each was charged.

Our Stripe (tests/stripe) behaves as the real service may: it takes the money and then hangs, disconnects or answers
500; it limits the request rate; it announces events late, twice, in any order or not at all. Concurrent processes
that charge, refund and process events are killed before and after their requests. Others pretend to be Stripe. At the
end every invoice has been charged exactly once, at Stripe and in our books.
"""

import argparse
import logging
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db import connection

from config.postgres import Cluster
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice, PayerAccount, PaymentAttempt, ProviderEvent, Refund
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused
from invoices.payments.providers import stripe
from tests.builders import make_customer, make_seller, make_tax
from tests.prove.final_check import books_are_sound
from tests.prove.payment_events import EventPoster
from tests.prove.payment_workers import ASKED, HEARD, PATIENCE_SECONDS, SENT_BACK, CampaignClock, WorkerPool
from tests.prove.processes import Deployment
from tests.prove.verdict import Verdict, say, table
from tests.stripe.cards import leave_card
from tests.stripe.server import AFTER, BEFORE, EVENT_SECRET, HANG, Books, Server

EACH_ROUND = 20
KINDS = ("card", "page", "left page", "declined")
OFTEN = (10, 5, 2, 3)
HANDS = 3
LEAST_INSIDE, MANY = 0.8, 20
STEPS = (
    timedelta(seconds=15),
    timedelta(seconds=95),
    timedelta(minutes=6),
    timedelta(minutes=20),
    timedelta(hours=1),
)
MAX_STEPS = 60


@dataclass
class Run:
    """An invoice and its kind of payment. amount: due, and paid exactly once if it `is_paid`."""

    kind: str
    invoice_id: int
    amount: Decimal
    is_paid: bool
    given_back: Decimal = Decimal(0)


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove payments", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    with Server() as server:
        return collect(options, cluster, server, EventPoster)


def collect(options: argparse.Namespace, cluster: Cluster, server: Server, poster_class: type[EventPoster]) -> int:
    """Run the campaign at a Stripe. options: runs and seed. poster_class: posts the events of that Stripe."""
    verdict = Verdict(f"{options.runs:,} invoices to pay", seed=options.seed)
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(server.books, CampaignClock(Path(folder)), options.seed, verdict, poster_class)
        _take_from(server)
        house = Deployment(cluster)
        try:
            house.start("web")
            campaign.go(options.runs, house.port)
        finally:
            house.stop()
    campaign.conclude()
    books_are_sound(verdict)
    return verdict.conclude()


def _take_from(server: Server) -> None:
    """Direct the requests of this process and its children to this Stripe."""
    known = {
        "STRIPE_SECRET_KEY": server.secret_key,
        "STRIPE_API_BASE": server.address,
        "STRIPE_WEBHOOK_SECRETS": EVENT_SECRET,
    }
    os.environ |= {f"TOLLBOOK_{name}": value for name, value in known.items()}
    settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = server.secret_key, server.address
    stripe.TIMEOUT_SECONDS = PATIENCE_SECONDS  # type: ignore[assignment]


class Campaign:
    def __init__(
        self,
        books: Books,
        hours: CampaignClock,
        seed: int,
        verdict: Verdict,
        poster_class: type[EventPoster],
    ) -> None:
        self.books, self.hours, self.seed, self.verdict = books, hours, seed, verdict
        self.poster_class = poster_class
        self.chance = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.lies: Counter[str] = Counter()
        self.announced = 0
        self.runs: list[Run] = []
        books.now = hours.seconds
        self.seller = make_seller("collector")
        make_tax("0", seller=self.seller)

    def go(self, runs: int, port: int) -> None:
        hands = WorkerPool(HANDS, self.hours)
        teller = self.poster_class(self.books, port, self.seed)
        teller.start()
        try:
            while len(self.runs) < runs:
                self._round(hands, teller, min(EACH_ROUND, runs - len(self.runs)))
        finally:
            teller.end()
            hands.stop()
        self.announced = len(teller.announced)
        self.verdict.require(not hands.died, f"processes exited by themselves with {hands.died}")

    def _round(self, hands: WorkerPool, teller: EventPoster, many: int) -> None:
        new: list[Run] = []
        with self._kill(hands, ASKED):
            self._befall(many)
            new += [self._begin(number) for number in range(len(self.runs), len(self.runs) + many)]
        self.runs += new
        with self._kill(hands, [*ASKED, HEARD]):
            for payment_run in new:
                self._customer_acts(payment_run)
        self._lie(teller, new)
        self._settle(new)
        with self._kill(hands, [*SENT_BACK, HEARD]):
            self._befall(many // 2)
            for payment_run in new:
                self._give_back(payment_run)
        self._settle(new)
        for payment_run in new:
            self._reckon(payment_run)

    # The events
    # ---------------------------------------------------------------------------------------------------------

    def _begin(self, number: int) -> Run:
        at = self.hours.now()
        [kind] = self.chance.choices(KINDS, OFTEN)
        customer = make_customer(f"payer-{number}", seller=self.seller)
        amount = Decimal(self.chance.randrange(100, 100_000)) / 100
        line = OneOffLine("Work", amount, date(2026, 1, 15), date(2026, 1, 15))
        draft = draft_invoice(customer=customer, request=OneOffRequest([line]), at=at)
        if kind in ("card", "declined"):
            leave_card(customer, self.books, declines="insufficient_funds" if kind == "declined" else "")
        invoice = issue_draft(invoice_id=draft.pk, at=at)
        return Run(kind, invoice.pk, amount, is_paid=kind != "left page")

    def _befall(self, many: int) -> None:
        """Make two of three of the next requests fail, each in some way."""
        faults = self.chance.choices(
            ["", *AFTER, *BEFORE, HANG], [6, *[3] * len(AFTER), *[2] * len(BEFORE), 1], k=many
        )
        self.faults.update(fault for fault in faults if fault)
        with self.books.lock:
            self.books.faults += faults

    def _customer_acts(self, payment_run: Run) -> None:
        """Open a page, as often as it takes, and pay on it or leave it; replace a declined card by another card."""
        if payment_run.kind == "declined":
            self._until(
                lambda: PaymentAttempt.objects.filter(invoice=payment_run.invoice_id, state="declined").exists(),
                [payment_run],
            )
            leave_card(Invoice.objects.get(pk=payment_run.invoice_id).customer, self.books)
            attempts.start_payment(invoice_id=payment_run.invoice_id, at=self.hours.now())
        elif payment_run.kind != "card":
            session = self._page(payment_run)
            if payment_run.kind == "page":
                self.books.pay(session)

    def _page(self, payment_run: Run) -> dict[str, object]:
        last = ""
        for _ in range(MAX_STEPS):
            try:
                page = attempts.open_page(
                    invoice_id=payment_run.invoice_id, back_to="https://example.com/back", at=self.hours.now()
                )
                return self.books.things[page.ref]
            except PaymentAttemptRefused as error:
                last = str(error)
                self.hours.advance(self.chance.choice(STEPS[:3]))
                time.sleep(0.5)
        tried = PaymentAttempt.objects.filter(invoice=payment_run.invoice_id).values()
        raise AssertionError(
            f"no payment page opens for invoice {payment_run.invoice_id}: {last} {list(tried)} {self.hours.now()}"
        )

    @contextmanager
    def _kill(self, hands: WorkerPool, windows: Sequence[str]) -> Iterator[None]:
        """Kill the process that reaches a chosen window during the block, or soon after it."""
        window = self.chance.choice(windows)
        hands.aim(window)
        yield
        self.tried[window] += 1
        self.kills[window] += hands.strike(seconds=10)

    def _lie(self, teller: EventPoster, new: Sequence[Run]) -> None:
        """Pretend that unpaid invoices were paid."""
        for payment_run in new[: len(new) // 4]:
            charge = PaymentAttempt.objects.filter(invoice=payment_run.invoice_id).first()
            answers = teller.lie({"id": "pi_lie", "metadata": {"tollbook_key": str(charge.key if charge else "")}})
            self.lies.update(answers.keys())
            accepted = [kind for kind, status in answers.items() if status != 400]
            self.verdict.require(not accepted, f"responses to {accepted} were {answers}")

    def _give_back(self, payment_run: Run) -> None:
        if payment_run.is_paid and self.chance.random() < 0.5:
            lines = (
                None
                if self.chance.random() < 0.5
                else [RequestedCredit(1, (payment_run.amount / 3).quantize(Decimal("0.01")))]
            )
            payment_run.given_back = lines[0].amount if lines else payment_run.amount
            issue_credit_note(
                invoice_id=payment_run.invoice_id, lines=lines, reason="Sorry", to="refund", at=self.hours.now()
            )

    def _settle(self, runs: Sequence[Run]) -> None:
        """Advance time until nothing is in progress."""
        ids = [run.invoice_id for run in runs]

        def is_settled() -> bool:
            under_way = PaymentAttempt.objects.filter(invoice__in=ids, state="pending").exists()
            sent_back = Refund.objects.filter(note__corrects__in=ids, state="pending").exists()
            cards = [run.invoice_id for run in runs if run.kind == "card"]
            untouched = Invoice.objects.filter(pk__in=cards, charges__isnull=True).exists()
            unheard = ProviderEvent.objects.filter(done_at__isnull=True, next_at__isnull=False).exists()
            return not (under_way or sent_back or untouched or unheard)

        self._until(is_settled, runs)

    def _until(self, settled: Callable[[], bool], runs: Sequence[Run]) -> None:
        for _ in range(MAX_STEPS):
            for _ in range(10):
                if settled():
                    return
                time.sleep(0.05)
            self.hours.advance(self.chance.choice(STEPS))
        still = PaymentAttempt.objects.filter(
            invoice__in=[run.invoice_id for run in runs], state="pending"
        ).values_list("reason")
        self.verdict.require(False, f"states do not converge: {list(still)[:3]}")

    # The results
    # --------------------------------------------------------------------------------------------------------

    def _reckon(self, payment_run: Run) -> None:
        invoice = Invoice.objects.get(pk=payment_run.invoice_id)
        keys = {str(charge.key): charge for charge in invoice.charges.all()}
        accounts = PayerAccount.objects.filter(customer=invoice.customer_id).values_list("ref", flat=True)
        with self.books.lock:
            taken = [
                intent
                for account in accounts
                for intent in self.books.of("payment_intent", status="succeeded", customer=account)
            ]
            strange_keys = {intent["metadata"].get("tollbook_key") for intent in taken} - set(keys)
            back = [
                stripe_refund
                for intent in taken
                for stripe_refund in self.books.of("refund", status="succeeded", payment_intent=intent["id"])
            ]
        expected = [int(payment_run.amount * 100)] if payment_run.is_paid else []
        name = f"{payment_run.kind} {payment_run.invoice_id}"
        self.verdict.require(not strange_keys, f"{name}: Stripe charged for {strange_keys}")
        amounts = [it["amount"] for it in taken]
        self.verdict.require(amounts == expected, f"{name}: Stripe charged {amounts} instead of {expected}")
        ours = [charge for charge in keys.values() if charge.state == "succeeded"]
        self.verdict.require(len(ours) == len(expected), f"{name}: our books have {len(ours)} charges")
        self.verdict.require(
            invoice.paid == (payment_run.amount if payment_run.is_paid else 0),
            f"{name}: the paid amount is {invoice.paid}",
        )
        returned = sum(it["amount"] for it in back)
        self.verdict.require(
            returned == payment_run.given_back * 100,
            f"{name}: Stripe refunded {returned} of {payment_run.given_back}",
        )
        self.verdict.require(len(back) <= 1, f"{name}: Stripe refunded {len(back)} times")

    def conclude(self) -> None:
        connection.close()
        kinds = Counter(run.kind for run in self.runs)
        table(["payment", "invoices"], sorted(kinds.items()))
        table(["faults of requests", "times"], sorted(self.faults.items()))
        kills = [[window, self.kills[window], many] for window, many in sorted(self.tried.items())]
        table(["killed", "times", "of"], kills)
        inside, tried = self.kills.total(), self.tried.total()
        enough = LEAST_INSIDE * tried if tried >= MANY else 0
        self.verdict.require(inside >= enough, f"only {inside} of {tried} kills were inside their window")
        say(f"  {ProviderEvent.objects.count():,} events are stored; {self.announced:,} events were delivered")
        self.verdict.require(ProviderEvent.objects.count() == self.announced, "an event was lost, or stored twice")
        say(f"  {self.lies.total():,} forged events were sent")
        pending = (
            PaymentAttempt.objects.filter(state="pending").count() + Refund.objects.filter(state="pending").count()
        )
        self.verdict.require(not pending, f"{pending} payment attempts never end")
        charges, refunds, taken = PaymentAttempt.objects.count(), Refund.objects.count(), len(self.books.taken())
        paid = sum(payment_run.is_paid for payment_run in self.runs)
        self.verdict.require(taken == paid, f"{taken} payments succeeded instead of {paid}")
        say(f"  {charges:,} charges and {refunds:,} refunds, {taken:,} succeeded")
