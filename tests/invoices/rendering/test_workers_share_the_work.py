"""Concurrent renderers create each file once; a killed one loses nothing."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections

from invoices.models import Rendering
from invoices.rendering import render_queue
from invoices.rendering.renderer import RenderRun, render_due
from lib.queue import Lease
from tests.invoices.rendering.issued_invoices import store
from tests.invoices.rendering.samples import fee, invoice
from tests.killed_processes import kill_at

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 2, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def worker() -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "render_due"]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True)


def test_two_processes_render_each_invoice_once():
    stored = [store(invoice(fee("19.00"))) for _ in range(24)]
    first, second = worker(), worker()
    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert sum(int(output.split()[0]) for output in outputs) == len(stored), outputs
    renderings = Rendering.objects.order_by("invoice")
    assert [rendering.invoice_id for rendering in renderings] == [invoice_.pk for invoice_ in stored]
    assert {rendering.attempts for rendering in renderings} == {1}, outputs
    assert all(sha256(rendering.content).hexdigest() == rendering.sha256 for rendering in renderings)


def test_a_race_for_one_lease_has_one_winner():
    stored = store(invoice(fee("19.00")))
    barrier = threading.Barrier(8)
    won: list[Lease] = []

    def race() -> None:
        barrier.wait()
        if lease := render_queue.lease_rendering(invoice_id=stored.pk, at=NOW):
            won.append(lease)
        connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [Lease(stored.pk, 1)]


@pytest.mark.parametrize("place", ["render.claimed", "render.before_storing"])
def test_a_killed_renderer_leaves_no_partial_file_and_is_retried(place, tmp_path):
    stored = store(invoice(fee("19.00")))
    kill_at(place, lambda: call_command("render_due"), tmp_path)
    unfinished = Rendering.objects.get(invoice=stored)
    assert (unfinished.content, unfinished.sha256, unfinished.attempts, unfinished.error) == (
        None,
        "",
        1,
        render_queue.UNFINISHED,
    )
    assert render_due(at=unfinished.retry_at) == RenderRun(rendered=1)
    assert Rendering.objects.get(invoice=stored).attempts == 2


def test_a_file_is_stored_with_its_hash():
    store(invoice(fee("19.00")))
    render_due(at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(sha256(content), 'hex') = sha256 FROM invoices_rendering")
        assert cursor.fetchall() == [(True,)]
