"""Each constraint of alert rules and alerts, violated by raw SQL, is reported by its name."""

import pytest

from tests.billing.limits.alerts.alert_setup import calls, evaluate, use
from tests.billing.limits.alerts.test_a_rule_applies_to_its_scope import set_rule
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db

COLUMNS = ("kind", "seller_id", "customer_id", "subscription_id", "feature_id", "dimension", "dimension_value")
FIGURES = ("levels", "amount", "currency", "is_on", "set_by")


def rule(**changes: str) -> str:
    """Return the statement that adds a rule like the subscription's spend rule, with these columns changed."""
    names = [*COLUMNS, *FIGURES]
    values = ", ".join(changes.get(name, name) for name in names)
    return (
        f"INSERT INTO billing_alertrule ({', '.join(names)}, created_at) SELECT {values}, created_at"  # noqa: S608
        " FROM billing_alertrule WHERE kind = 'spend'"
    )


def alert(**changes: str) -> str:
    """Return the statement that adds an alert like the existing one, with these columns changed."""
    names = ("alert_rule_id", "customer_id", "subscription_id", "dimension", "dimension_value", "since", "ends_at")
    names += ("threshold", "value", '"limit"', "agreed_limit", "unit", "fired_at", "recovered_at", "acknowledged_at")
    values = ", ".join(
        changes.get(name.strip('"'), "NULL" if "ed_at" in name[2:] and name != "fired_at" else name) for name in names
    )
    return f"INSERT INTO billing_alert ({', '.join(names)}) SELECT {values} FROM billing_alert"  # noqa: S608


CASES = [
    ("alert_rule_kind_is_known", rule(kind="'other'", currency="''")),
    ("alert_rule_setter_is_known", rule(set_by="'other'", is_on="true")),
    ("levels_are_1_to_a_thousand", rule(levels="'{}'", set_by="'customer'")),
    ("levels_are_1_to_a_thousand", rule(levels="'{0}'", set_by="'customer'")),
    ("levels_are_1_to_a_thousand", rule(levels="'{1001}'", set_by="'customer'")),
    ("levels_are_1_to_a_thousand", rule(levels="'{1,2,3,4,5,6,7,8,9,10,11}'", set_by="'customer'")),
    ("alert_rule_amount_is_finite", rule(amount="'NaN'", set_by="'customer'")),
    ("alert_rule_amount_is_finite", rule(amount="-1", set_by="'customer'")),
    ("spend_rule_has_an_amount_and_a_scope", rule(amount="NULL", set_by="'customer'")),
    ("spend_rule_has_a_currency", rule(currency="''", set_by="'customer'")),
    ("spend_rule_has_a_currency", rule(kind="'cap'")),
    ("alert_rule_has_one_scope", rule(seller_id="(SELECT min(id) FROM customers_seller)")),
    ("alert_rule_of_a_subscription_names_its_customer", rule(kind="'cap'", currency="''", customer_id="NULL")),
    ("customers_guard_themselves", rule(set_by="'customer'", is_on="false")),
    ("only_a_spend_rule_has_a_dimension", rule(dimension="'api_key'", kind="'cap'", currency="''")),
    ("only_a_spend_rule_has_a_dimension", rule(dimension_value="'x'")),
    ("alert_rule_is_set_once_by_each_setter", rule()),
    ("alert_fires_once_per_threshold_and_period", alert()),
    ("alert_threshold_is_1_to_a_thousand", alert(threshold="0")),
    ("alert_value_is_finite", alert(value="'NaN'")),
    ("alert_limit_is_finite", alert(limit="'NaN'", agreed_limit="'NaN'", threshold="60")),
    ("agreed_limit_is_the_limit", alert(agreed_limit="7")),
    ("alert_ends_after_it_begins", alert(ends_at="since - interval '1 s'", threshold="60")),
    ("alert_recovers_after_it_fired", alert(recovered_at="fired_at - interval '1 s'", threshold="60")),
    ("acknowledged_alert_says_by_whom", alert(acknowledged_at="now()", threshold="60")),
    ("alert_stays_as_fired", "UPDATE billing_alert SET value = value + 1"),
    ("alert_stays_as_fired", "DELETE FROM billing_alert"),
    ("cursor_note_is_not_before_its_position", "UPDATE billing_changecursor SET noted = position - 1"),
]


@pytest.fixture(scope="module", autouse=True)
def alert_rows(shared_transaction: None) -> None:
    """Create a spend rule of a subscription, and one alert of the rule."""
    set_rule("spend", amount=10, levels=[50], subscription=calls("1"))
    use("call", 5)
    evaluate()


@pytest.mark.parametrize(("name", "statement"), CASES, ids=[name for name, _ in CASES])
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name


def test_an_alert_recovers_once():
    assert refused_by("UPDATE billing_alert SET recovered_at = fired_at + interval '1 s'") == "nothing"
