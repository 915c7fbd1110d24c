"""The README's tour, from a customer to a PDF, runs as written, with the demo's catalog."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from billing import closing
from demo import catalog, logins, sellers_and_customers
from invoices.models import Invoice
from invoices.rendering import renderer

README = Path(__file__).parents[2] / "README.md"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here: apt-get install curl"),
]


def steps() -> list[str]:
    """Return the tour's shell blocks, without the one that sets the URL and the key."""
    tour = README.read_text(encoding="utf-8").partition("## Five minutes")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", tour, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not block.startswith("export ")]


def test_a_customer_gets_two_invoices_and_their_pdf(live_server, tmp_path):
    at = timezone.now().replace(microsecond=0)
    catalog.load(at)
    sellers_and_customers.add_all(at)
    key = logins.grant(file=tmp_path / "demo.json", at=at).api_key

    def run(step: str) -> str:
        environment = os.environ | {"TOLLBOOK": live_server.url, "KEY": key}
        done = subprocess.run(
            ["bash", "-euc", step], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
        return done.stdout

    send, fetch = steps()
    assert '"accepted":1' in run(send)

    # The tasks that beat schedules each minute.
    closing.close_due(at=timezone.now())
    for invoice in Invoice.objects.filter(customer__external_id="tour"):
        renderer.render_one(invoice_id=invoice.pk, at=timezone.now())

    run(fetch)
    latest, first = json.loads((tmp_path / "invoices.json").read_text())["data"]
    assert latest["net"] == {"amount": "29.96", "currency": "USD"}
    assert 0 < float(first["net"]["amount"]) < 29
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")
