"""
One-page invoices rendered in a warm worker, compared with WeasyPrint alone on the same markup; and the worker's
memory.
"""

import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from django.utils import timezone

from benchmarks import render_worker, scratch_server
from benchmarks.measurement import Outcome, Report, compare
from customers.models import Customer, Seller
from invoices.models import Invoice, NumberSeries, TaxRate
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft

AT_ONCE = 20
"""Invoices per round and side."""

WARM = 100
"""Invoices after which a process has filled its caches: fonts, style sheet, texts."""

_STATUS = "/proc/self/status"


def run(*, documents: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Render one invoice repeatedly, in this process.

    documents: number rendered for the memory figure, of which the first hundred warm up the process.

    :raises ValueError: if `documents` is not more than WARM.
    """
    if documents <= WARM:
        raise ValueError(f"{documents} documents are no more than warm a process up: ask for more than {WARM}.")
    with scratch_server.database():
        invoice = _invoice()
        html, at = render_worker.html_of(invoice), timezone.now()
        speed = compare(
            lambda: _milliseconds(lambda: render_worker.ours(invoice, at=at)),
            lambda: _milliseconds(lambda: render_worker.alone(html)),
            rounds=rounds,
            report=report,
            name="render, an invoice of one page",
            unit="ms",
            measured="from its rows to the stored file",
            against="WeasyPrint alone on the same markup",
            goal=1.1,
            more_is_better=False,
        )
        return [speed, _memory(lambda: render_worker.ours(invoice, at=at), documents, report)]


def _invoice() -> Invoice:
    at = timezone.now()
    seller = Seller.objects.create(code="benchmark", legal_name="Benchmark Inc.", country="US", currency="USD")
    NumberSeries.objects.create(seller=seller, code="invoices", prefix="B-")
    TaxRate.objects.create(seller=seller, country="", name="Tax", rate=Decimal(19), valid_from=date(2026, 1, 1))
    customer = Customer.objects.create(
        external_id="benchmark", seller=seller, legal_name="Customer Inc.", country="US", currency="USD"
    )
    day = date(2026, 1, 15)
    lines = [OneOffLine(f"Work of kind {number}", Decimal("12.34"), day, day) for number in range(8)]
    draft = draft_invoice(customer=customer, request=OneOffRequest(lines), at=at)
    return issue_draft(invoice_id=draft.pk, at=at)


def _milliseconds(render: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(AT_ONCE):
        render()
    return (time.perf_counter() - started) * 1000 / AT_ONCE


def _memory(render: Callable[[], object], documents: int, report: Report) -> Outcome:
    """Compare the process's memory after the last invoice with its memory when warm."""
    for _ in range(WARM):
        render()
    warm_megabytes = _megabytes()
    report(f"{WARM} documents: {warm_megabytes:,.1f} MB")
    for _ in range(documents - WARM):
        render()
    final_megabytes = _megabytes()
    return Outcome(
        name=f"render, memory of a worker over {documents:,} documents",
        unit="MB",
        ours=(final_megabytes,),
        theirs=(warm_megabytes,),
        measured="held after the last one",
        against=f"held after the first {WARM}",
        goal=1.1,
        more_is_better=False,
    )


def _megabytes() -> float:
    with open(_STATUS) as status:
        line_of_memory = next(line for line in status if line.startswith("VmRSS:"))
    return int(line_of_memory.split()[1]) / 1024
