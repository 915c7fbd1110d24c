"""The curl examples of docs/api.md run, in the page's order, against a real server."""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing.models import Subscription
from customers.models import Customer
from tests.api.calls import Caller
from tests.builders import fee, make_coupon, make_feature, make_meter, make_plan, make_seller, offer, publish, rate

NEXT_CENTURY = datetime(2101, 1, 1, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "api.md"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here: apt-get install curl")


def commands():
    """Return the curl commands of the page."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [
        command
        for block in blocks
        for command in re.split(r"^(?=curl )", block, flags=re.MULTILINE)
        if "curl " in command
    ]


@pytest.fixture
def shop(transactional_db):
    make_seller(currency="EUR")
    make_coupon("SPRING-25", percent=25)
    dimension = {"aggregation": "sum", "value_property": "tokens", "dimensions": ["token_type"]}
    feature = make_feature("llm.tokens", meter=make_meter("llm.tokens", **dimension))
    rates = [rate("0.000002", match={"token_type": kind}, label=kind) for kind in ("input", "output")]
    seats = fee("10", label="Seats", basis="seat", currency="EUR", billed="arrears")
    publish(make_plan("pro", fees=[seats], offers=[offer(feature, rates=rates, currency="EUR")]))
    publish(make_plan("pro", offers=[offer(feature, rates=rates[:1], currency="EUR")]), effective_from=NEXT_CENTURY)
    publish(make_plan("team", offers=[offer(feature, rates=rates[:1], currency="EUR")]))
    return Caller()


def test_each_example_is_answered_with_success(shop, live_server):
    environment = os.environ | {"TOLLBOOK": live_server.url, "KEY": shop.secret}
    responses = []
    for command in commands():
        ran = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        answer = json.loads(ran.stdout)
        responses.append(answer)
        if "balance" in answer and "id" in answer:
            environment["WALLET"] = str(answer["id"])
        if "reserved_at" in answer:
            environment["RESERVATION"] = str(answer["number"])
        if "source" in answer:
            environment["LOT"] = str(answer["id"])

    assert len(responses) >= 14
    assert Customer.objects.get(external_id="acme").city == "Berlin"
    assert Subscription.objects.get(external_id="acme-pro").state == "active", "its cancellation was taken back"
    usage = next(response for response in responses if isinstance(response.get("periods"), list))
    assert usage["periods"][0]["features"][0]["used"] == "1355"
