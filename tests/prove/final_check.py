"""After the faults: compare the books with the clients' knowledge, and check them for consistency."""

from fractions import Fraction
from hashlib import sha256
from itertools import pairwise

from django.db import connection
from django.db.models import Count, Sum

from billing.audit import audit
from billing.models import Period
from invoices.models import Invoice, Rendering
from tests.clean_books import ALL_CHECKS
from tests.prove.due_work import Work
from tests.prove.event_senders import Record
from tests.prove.verdict import Verdict, say


def check_books(work: Work, record: Record, verdict: Verdict) -> None:
    """Check every guarantee; the clients have their responses, and nothing is due."""
    connection.close()
    _events_are_stored_once(record, verdict)
    _usage_is_billed_exactly(work, record, verdict)
    _periods_have_one_invoice(verdict)
    numbers_have_no_gap(verdict)
    _files_are_whole(verdict)
    books_are_sound(verdict)


def _events_are_stored_once(record: Record, verdict: Verdict) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sender_id FROM billing_event")
        stored = [id_ for (id_,) in cursor.fetchall()]
    lost, unknown = set(record.acknowledged).difference(stored), set(stored).difference(record.acknowledged)
    verdict.require(not lost, f"{len(lost)} acknowledged events are lost: {sorted(lost)[:3]}")
    verdict.require(not unknown, f"{len(unknown)} stored events were never acknowledged: {sorted(unknown)[:3]}")
    verdict.require(len(stored) == len(set(stored)), f"{len(stored) - len(set(stored))} events are stored twice")
    say(f"  {len(stored):,} events are stored, {len(record.acknowledged):,} were acknowledged")


def _usage_is_billed_exactly(work: Work, record: Record, verdict: Verdict) -> None:
    sums = Invoice.objects.order_by().values_list("customer__external_id").annotate(Sum("net"))
    billed = {customer: Fraction(net) for customer, net in sums}
    total = Fraction(0)
    for customer in {*billed, *record.units, *work.fees}:
        owed = work.owed(customer, record.units[customer])
        total += owed
        amount = billed.get(customer, Fraction(0))
        verdict.require(amount == owed, f"{customer} was billed {float(amount)} and owes {float(owed)}")
    say(f"  {float(total):,.2f} USD were owed, {float(sum(billed.values())):,.2f} USD are billed")


def _periods_have_one_invoice(verdict: Verdict) -> None:
    open_ = Period.objects.filter(state="open").count()
    verdict.require(not open_, f"{open_} periods are still open")
    periods = Period.objects.filter(invoice__isnull=False).count()
    of_periods = Invoice.objects.filter(reference__startswith="period:")
    shared = Invoice.objects.alias(count=Count("periods")).filter(count__gt=1).count()
    verdict.require(of_periods.count() == periods, f"{of_periods.count()} invoices were made of {periods} periods")
    verdict.require(not shared, f"{shared} invoices belong to several periods")
    late = Invoice.objects.filter(reference__startswith="late:").count()
    say(f"  {periods:,} periods have one invoice each, {late:,} invoices are of late usage")


def numbers_have_no_gap(verdict: Verdict) -> None:
    issued = list(Invoice.objects.order_by("sequence").values_list("sequence", "number", "issued_at"))
    sequence = [number for number, _, _ in issued]
    verdict.require(
        sequence == list(range(1, len(issued) + 1)), f"{len(issued)} invoice numbers have gaps or duplicates"
    )
    repeated = len(issued) - len({number for _, number, _ in issued})
    verdict.require(not repeated, f"{repeated} invoice numbers were printed twice")
    backwards = sum(before > after for (_, _, before), (_, _, after) in pairwise(issued))
    verdict.require(not backwards, f"{backwards} invoices were issued before the previous number")
    say(f"  {len(issued):,} numbers run from 1 to {len(issued):,}, in the order of time")


def _files_are_whole(verdict: Verdict) -> None:
    missing = Invoice.objects.filter(rendering__content__isnull=True).count()
    verdict.require(not missing, f"{missing} invoices have no file")
    for id_, content, hash_ in Rendering.objects.values_list("invoice_id", "content", "sha256").iterator():
        whole = content is not None and sha256(content).hexdigest() == hash_
        verdict.require(whole, f"the file of invoice {id_} does not match its hash")
    say(f"  {Rendering.objects.count():,} files agree with their hashes")


def books_are_sound(verdict: Verdict) -> None:
    connection.close()
    findings = audit(checks=ALL_CHECKS)
    for finding in findings:
        verdict.require(not finding.is_violated, f"audit: {finding.check.name}: {finding.rows[:2]}")
    kept = sum(not finding.is_violated for finding in findings)
    say(f"  audit and oracle: {kept} of {len(findings)} checks passed")
