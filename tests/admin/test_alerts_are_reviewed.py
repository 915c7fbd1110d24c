"""The list has one row for each limit, its most urgent level; a review covers the milder levels, too."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.limits.alerts.evaluation import evaluate_alerts
from billing.models import Alert, AlertRule
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, subscribe, use

LIST = "/admin/billing/alert/"


@pytest.fixture
def subscription(db):
    feature = make_feature("mails", meter=make_meter("mails", unit="mail"))
    plan = publish(make_plan("pro", offers=[offer(feature, included=10, consumption="hard_cap")]))
    subscription = subscribe(make_customer("acme"), plan, starts_at=timezone.now())
    use(subscription, "mails", 9)
    evaluate_alerts(at=timezone.now())
    return subscription


def thresholds(client, query=""):
    return [alert.threshold for alert in client.get(f"{LIST}{query}").context["cl"].result_list]


def test_the_most_urgent_level_stands_for_the_milder_ones(member, subscription):
    client = member("operations")
    assert sorted(Alert.objects.values_list("threshold", flat=True)) == [50, 75, 90]
    assert thresholds(client) == [90]
    assert "2 milder levels" in client.get(LIST).content.decode()
    assert sorted(thresholds(client, "?level=all")) == [50, 75, 90]


LEVELS = [("reached", []), ("near", [90]), ("warning", []), ("early", [])]


@pytest.mark.parametrize(("level", "shown"), LEVELS)
def test_the_level_is_that_of_the_row(member, subscription, level, shown):
    assert thresholds(member("operations"), f"?level={level}") == shown


def test_recovered_alerts_hide_no_open_one(subscription):
    Alert.objects.filter(threshold=90).update(recovered_at=timezone.now() + timedelta(seconds=1))
    assert sorted(Alert.objects.all().worst().values_list("threshold", flat=True)) == [75, 90]


def test_the_lower_balance_is_the_more_urgent_one(subscription):
    rule = AlertRule.objects.get(kind="low_balance", customer=None)
    at = timezone.now()
    figures = {"value": 4, "limit": 100, "unit": "credits", "since": at, "fired_at": at}
    for threshold in (20, 5):
        Alert.objects.create(alert_rule=rule, customer=subscription.customer, threshold=threshold, **figures)
    assert list(Alert.objects.filter(alert_rule=rule).worst().values_list("threshold", flat=True)) == [5]


def test_the_page_of_an_alert_has_a_button_that_reviews_the_limit(member, subscription):
    client, alert = member("operations"), Alert.objects.get(threshold=90)
    address = f"{LIST}{alert.pk}/acknowledge_one/"
    assert address in client.get(f"{LIST}{alert.pk}/change/").content.decode()
    assert "no longer wait for a review" in client.get(address).content.decode()
    assert not Alert.objects.filter(acknowledged_at__isnull=False).exists()
    assert "3 alerts marked as reviewed" in client.post(address, follow=True).content.decode()
    assert thresholds(client, "?stands=unseen") == []
    assert address not in client.get(f"{LIST}{alert.pk}/change/").content.decode()


def test_support_cannot_review(member, subscription):
    alert = Alert.objects.get(threshold=90)
    assert member("support").post(f"{LIST}{alert.pk}/acknowledge_one/").status_code == 403
