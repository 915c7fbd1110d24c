"""A locked feature unlocks as soon as its threshold is reached, and reports the progress until then."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.limits.check import check
from billing.limits.entitlements import read_entitlements
from billing.limits.remedies import remedy_for
from plans.publishing.readiness import problems_of
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import FEB, JAN, make_customer, make_feature, make_plan, offer, publish, rate, subscribe, use
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

D = Decimal
HOUR = timedelta(hours=1)


def advisor(by, at, *, feature="calls"):
    opens = {"unlocked_by": by, "unlocked_at": D(at), "unlocked_with": feature if by.startswith("usage") else ""}
    closed = offer(make_feature("advisor", kind="boolean"), **opens)
    return make_plan(offers=[offer("calls", rates=[rate("0.10")]), closed])


def check_advisor(at):
    return check(customer="acme", feature="advisor", quantity=D(1), sandbox=False, at=at)


@pytest.mark.parametrize("row", rows("limits.md", "Features that unlock"), ids=lambda row: " ".join(row.values()))
def test_a_feature_unlocks_at_its_threshold(row):
    subscription = subscribe(make_customer("acme"), publish(advisor(row["unlocks by"], row["from"])))
    use(subscription, "calls", row["January"], at=JAN)
    close_due(at=FEB + HOUR)
    use(subscription, "calls", row["February"], at=FEB)
    answer = check_advisor(FEB + HOUR)
    assert answer.allowed == (row["unlocked"] == "yes")
    if not answer.allowed:
        assert answer.reason == "locked"
        assert remedy_for(answer, at=FEB)["reached"] == str(D(row["reached"]).normalize())
    entitlement, _ = read_entitlements(customer="acme", sandbox=False, at=FEB + HOUR)
    assert (entitlement.feature.code, entitlement.answer.allowed, entitlement.answer.reason) == (
        "advisor",
        answer.allowed,
        answer.reason,
    )


def test_a_metered_feature_can_be_locked_as_well():
    offers = [
        offer("calls", rates=[rate("0.10")]),
        offer("deep.calls", rates=[rate("1")], unlocked_by="usage", unlocked_with="calls", unlocked_at=D(2)),
    ]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    arguments = {"customer": "acme", "feature": "deep.calls", "quantity": D(1), "sandbox": False, "at": JAN + HOUR}
    for number in range(2):
        assert not check(**arguments).allowed
        send({"id": str(number), "customer": "acme", "event": "calls", "timestamp": JAN.isoformat()}, at=JAN)
    assert check(**arguments).allowed


@pytest.mark.parametrize("feature", ["advisor", "nothing"])
def test_a_feature_that_could_never_unlock_is_not_published(feature):
    assert any(
        "not another metered feature" in problem for problem in problems_of(advisor("usage", 1, feature=feature))
    )
