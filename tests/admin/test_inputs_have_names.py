"""Every input of a page has a name that a screen reader finds: a label, or its column's."""

from html.parser import HTMLParser

import pytest

from plans.models import Price
from tests.builders import fee, make_plan, offer, rate, tier

HIDDEN = {"hidden", "submit", "button", "checkbox"}


class Inputs(HTMLParser):
    def __init__(self):
        super().__init__()
        self.labels, self.inputs = set(), []

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag == "label" and facts.get("for"):
            self.labels.add(facts["for"])
        if tag in ("input", "select", "textarea") and facts.get("type") not in HIDDEN:
            self.inputs.append(facts)

    def nameless(self):
        unnamed = [one for one in self.inputs if not one.get("aria-label") and one.get("id") not in self.labels]
        return [one.get("name") for one in unnamed if one.get("type") != "search"]


def nameless(client, address):
    found = Inputs()
    found.feed(client.get(address).content.decode())
    assert found.inputs
    return found.nameless()


@pytest.fixture
def version(db):
    return make_plan(fees=[fee("1")], offers=[offer("calls", rates=[rate(tiers=[tier("10", "2"), tier(None, "1")])])])


def test_on_the_page_of_a_version(member, version):
    assert nameless(member("finance"), f"/admin/plans/planversion/{version.pk}/change/") == []


def test_on_the_page_of_a_price(member, version):
    assert nameless(member("finance"), f"/admin/plans/price/{Price.objects.get().pk}/change/") == []
