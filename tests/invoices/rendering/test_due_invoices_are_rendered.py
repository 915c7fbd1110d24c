"""
The table is the queue: each issued invoice gets its file once; a failure is recorded, retried, and finally parked.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import override_settings

from invoices.models import Rendering
from invoices.models.pdf_files import unrendered
from invoices.rendering import render_queue, renderer
from invoices.rendering.renderer import NotRendered, RenderRun, render_due, render_one
from invoices.tasks import render_due as task
from lib.queue import Lease
from tests.invoices.rendering.issued_invoices import store
from tests.invoices.rendering.pdf_reader import text_of
from tests.invoices.rendering.samples import BUYER, fee, invoice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_usage")]
NOW = datetime(2026, 11, 2, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)
UNPRINTABLE = invoice(fee("19.00"), buyer=replace(BUYER, legal_name="Tokyo \u0378 Ltd"))


@pytest.fixture
def no_usage():
    with override_settings(INVOICE_USAGE=""):
        yield


def test_each_issued_invoice_gets_its_file_once():
    stored = [store(invoice(fee("19.00"))) for _ in range(3)]
    assert render_due(at=NOW) == RenderRun(rendered=3, failed=0)
    assert render_due(at=NOW + timedelta(days=1)) == RenderRun()
    for stored_invoice in stored:
        rendering = Rendering.objects.get(invoice=stored_invoice)
        assert stored_invoice.number in text_of(bytes(rendering.content))
        assert rendering.sha256 == sha256(rendering.content).hexdigest()
        assert (rendering.attempts, rendering.error, rendering.retry_at) == (1, "", None)
        assert NOW <= rendering.rendered_at < NOW + timedelta(minutes=2)


def test_drafts_have_no_file():
    draft = store(invoice(fee("19.00"), state="draft"))
    assert render_due(at=NOW) == RenderRun()
    with pytest.raises(NotRendered, match="A draft has no PDF"):
        render_one(invoice_id=draft.pk, at=NOW)
    assert not Rendering.objects.exists()


def test_a_run_stops_at_its_limit_and_the_next_continues():
    for _ in range(3):
        store(invoice(fee("19.00")))
    assert render_due(at=NOW, limit=2) == RenderRun(rendered=2)
    assert render_due(at=NOW, seconds=-1) == RenderRun()
    assert render_due(at=NOW) == RenderRun(rendered=1)


def test_a_failure_does_not_delay_other_invoices():
    bad, good = store(UNPRINTABLE), store(invoice(fee("19.00")))
    assert render_due(at=NOW) == RenderRun(rendered=1, failed=1)
    assert Rendering.objects.get(invoice=good).content
    failed = Rendering.objects.get(invoice=bad)
    assert failed.content is None
    assert "“Tokyo \u0378 Ltd”" in failed.error
    assert (failed.attempts, failed.sha256, failed.rendered_at) == (1, "", None)


def test_a_failure_is_retried_with_growing_waits_and_then_parked():
    bad = store(UNPRINTABLE)
    at = NOW
    for attempt, wait in enumerate(render_queue.RETRY_AFTER, start=1):
        assert render_due(at=at) == RenderRun(failed=1)
        failed = Rendering.objects.get(invoice=bad)
        assert failed.attempts == attempt
        assert timedelta(0) <= failed.retry_at - (at + wait) < timedelta(minutes=1)
        assert render_due(at=failed.retry_at - timedelta(seconds=1)) == RenderRun()
        at = failed.retry_at
    assert render_due(at=at) == RenderRun(failed=1)
    assert render_due(at=at + timedelta(days=365)) == RenderRun()
    parked = Rendering.objects.parked().get()
    assert (parked.invoice_id, parked.attempts) == (bad.pk, render_queue.MAX_ATTEMPTS)
    assert "U+0378" in parked.error


def test_parked_renderings_are_retried_on_request(capsys):
    Rendering.objects.create(invoice=store(invoice(fee("19.00"))), attempts=5, error="No font has it.")
    assert render_due(at=NOW) == RenderRun()
    call_command("render_due", "--parked")
    assert capsys.readouterr().out.splitlines() == ["abandoned and retried: 1", "1 rendered, 0 failed"]


def test_an_unexpected_error_is_recorded_by_its_name(monkeypatch, caplog):
    stored = store()
    monkeypatch.setattr(renderer, "render", lambda *_: 1 / 0)
    assert render_due(at=NOW) == RenderRun(failed=1)
    assert Rendering.objects.get(invoice=stored).error == "ZeroDivisionError: division by zero"
    assert "could not be rendered" in caplog.text


def test_a_rendering_that_hangs_is_stopped_with_an_error(monkeypatch):
    def hang(*_):
        while True:
            pass

    stored = store()
    monkeypatch.setattr(renderer, "render", hang)
    monkeypatch.setattr(render_queue, "RENDER_SECONDS", 0.2)
    assert render_due(at=NOW) == RenderRun(failed=1)
    assert Rendering.objects.get(invoice=stored).error == f"Rendering {stored.number} took more than 0.2 seconds."


def test_an_oversized_invoice_is_rejected_before_rendering(monkeypatch):
    stored = store(invoice(*(fee("1.00") for _ in range(4))))
    monkeypatch.setattr("invoices.rendering.pdf_file.MAX_LINES", 3)
    assert render_due(at=NOW) == RenderRun(failed=1)
    assert "more than 3 lines" in Rendering.objects.get(invoice=stored).error


def test_a_lease_expires_when_its_worker_has_died():
    stored = store(invoice(fee("19.00")))
    assert render_queue.lease_rendering(invoice_id=stored.pk, at=NOW) == Lease(stored.pk, 1)
    assert render_due(at=NOW + timedelta(seconds=render_queue.RENDER_SECONDS)) == RenderRun(), "it may still be at it"
    assert render_due(at=NOW + render_queue.LEASE_DURATION) == RenderRun(rendered=1)


def test_a_rendering_whose_worker_always_dies_is_parked():
    stored = store(invoice(fee("19.00")))
    at = NOW
    for attempt in range(1, render_queue.MAX_ATTEMPTS + 1):
        assert render_queue.lease_rendering(invoice_id=stored.pk, at=at) == Lease(stored.pk, attempt)
        at += render_queue.LEASE_DURATION
    assert render_due(at=at) == RenderRun()
    assert Rendering.objects.parked().get().error == render_queue.UNFINISHED


def test_a_late_failure_does_not_undo_a_later_attempt():
    stored = store(invoice(fee("19.00")))
    first = render_queue.lease_rendering(invoice_id=stored.pk, at=NOW)
    second = render_queue.lease_rendering(invoice_id=stored.pk, at=NOW + render_queue.LEASE_DURATION)
    render_queue.RENDERINGS.postpone(first, reason="late", at=NOW)
    assert Rendering.objects.get(invoice=stored).error == render_queue.UNFINISHED
    render_queue.store_file(second, content=b"%PDF", at=NOW)
    render_queue.RENDERINGS.postpone(second, reason="late", at=NOW)
    render_queue.store_file(first, content=b"other", at=SOON)
    rendering = Rendering.objects.get(invoice=stored)
    assert (bytes(rendering.content), rendering.error, rendering.rendered_at) == (b"%PDF", "", NOW)


def test_on_demand_the_file_is_rendered_at_once_and_stored():
    stored = store(invoice(fee("19.00")))
    content = render_one(invoice_id=stored.pk, at=NOW)
    assert render_one(invoice_id=stored.pk, at=SOON) == content
    assert Rendering.objects.get().rendered_at == NOW


def test_on_demand_a_failure_is_not_retried_early_unless_forced():
    bad = store(UNPRINTABLE)
    for at in (NOW, SOON):
        with pytest.raises(NotRendered, match=r"U\+0378") as error:
            render_one(invoice_id=bad.pk, at=at)
        assert error.value.retry_at == NOW + render_queue.RETRY_AFTER[0]
    assert Rendering.objects.get().attempts == 1
    with pytest.raises(NotRendered):
        render_one(invoice_id=bad.pk, at=SOON, insist=True)
    assert Rendering.objects.get().attempts == 2


def test_a_forced_retry_waits_for_an_attempt_in_progress():
    stored = store(invoice(fee("19.00")))
    render_queue.lease_rendering(invoice_id=stored.pk, at=NOW)
    with pytest.raises(NotRendered, match="has not finished"):
        render_one(invoice_id=stored.pk, at=SOON, insist=True)


def test_a_file_without_its_hash_cannot_be_stored():
    stored = store(invoice(fee("19.00")))
    with pytest.raises(IntegrityError, match="rendering_has_a_hash_if_and_only_if_done"), transaction.atomic():
        Rendering.objects.create(invoice=stored, content=b"%PDF", rendered_at=NOW)


def test_the_task_renders_due_invoices():
    store(invoice(fee("19.00")))
    assert task() == {"rendered": 1, "failed": 0}


def test_queries_of_one_rendering_do_not_grow_with_its_lines(django_assert_num_queries):
    single, many = store(invoice(fee("1.00"))), store(invoice(*(fee("1.00") for _ in range(30))))
    for stored in (single, many):
        lease = render_queue.lease_rendering(invoice_id=stored.pk, at=NOW)
        with django_assert_num_queries(8):  # the invoice, its lines, its taxes; four for its sum in words; the file
            renderer.attempt_rendering(lease, at=NOW)


def test_unrendered_lists_the_oldest_first():
    stored = [store(invoice(fee("1.00"))) for _ in range(3)]
    assert list(unrendered(NOW)) == stored


def test_the_command_writes_the_file(tmp_path, capsys):
    stored = store(invoice(fee("19.00")))
    out = tmp_path / "invoice.pdf"
    call_command("render_invoice", stored.number, "--out", str(out))
    assert stored.number in text_of(out.read_bytes())
    assert sha256(out.read_bytes()).hexdigest() in capsys.readouterr().out


def test_the_command_reports_why_there_is_no_file(tmp_path):
    bad = store(UNPRINTABLE)
    for number, reason in ((bad.number, r"U\+0378"), ("INV-999999", "No invoice INV-999999 exists")):
        with pytest.raises(CommandError, match=reason):
            call_command("render_invoice", number, "--out", str(tmp_path / "x.pdf"))
    assert list(tmp_path.iterdir()) == []
