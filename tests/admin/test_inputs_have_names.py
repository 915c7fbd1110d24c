"""Every input of a page has an accessible name: a label, or its column's header."""

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
        unnamed = [
            input for input in self.inputs if not input.get("aria-label") and input.get("id") not in self.labels
        ]
        return [input.get("name") for input in unnamed if input.get("type") != "search"]


def nameless(client, address):
    parser = Inputs()
    parser.feed(client.get(address).content.decode())
    assert parser.inputs
    return parser.nameless()


@pytest.fixture
def version(db):
    return make_plan(fees=[fee("1")], offers=[offer("calls", rates=[rate(tiers=[tier("10", "2"), tier(None, "1")])])])


def test_on_the_page_of_a_version(member, version):
    assert nameless(member("finance"), f"/admin/plans/planversion/{version.pk}/change/") == []


def test_on_the_page_of_a_price(member, version):
    assert nameless(member("finance"), f"/admin/plans/price/{Price.objects.get().pk}/change/") == []
