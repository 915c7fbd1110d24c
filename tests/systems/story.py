"""A customer's story with the offer of a page of docs/recipes, over HTTP from the subscription to the invoices."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import Any

import time_machine
from tollbook_client import Tollbook

from billing.simulation.sandbox import advance_all
from tests.systems.catalog_forms import CatalogForms
from tests.systems.recipe import Recipe, moment, number, properties, value_of

CENT = Decimal("0.01")
START = moment("2026-01-01")


class Story:
    """
    The sandbox customer of one page, on a test clock of its own, which starts on January 1, 2026.

    ids: what the names in braces in a call stand for: the subscription, the customer's latest wallet, the invoice of
        its latest purchase, and the number of its latest reservation.
    """

    def __init__(self, recipe: Recipe, *, forms: CatalogForms, api: Tollbook) -> None:
        self.recipe, self.forms, self.api = recipe, forms, api
        self.ids: dict[str, Any] = {"subscription": recipe.name}
        self.clock, self.now = 0, START

    def set_up(self) -> None:
        """Add the meters, features and packs in the admin, and import and publish the price list of each plan."""
        for section, add in (
            ("Meters", self.forms.add_meter),
            ("Features", self.forms.add_feature),
            ("Packs", self.forms.add_pack),
            ("Coupons", self.forms.add_coupon),
        ):
            for row in self.recipe.table(section):
                add(row)
        for row in self.recipe.table("Plans"):
            version = self.forms.add_plan(row)
            address = f"/plans/{row['code']}/versions/{version.number}/price-list"
            self.api.call("PUT", address, body=self.recipe.price_list(row["code"]))
            with time_machine.travel(START, tick=False):  # the version is in force from the start of the clock
                self.forms.publish(version)

    def subscribe(self) -> None:
        """Create the customer on a test clock, and subscribe it to the page's first plan."""
        plan = self.recipe.table("Plans")[0]["code"]
        clock = self.api.call("POST", "/test-clocks", body={"name": self.recipe.name, "now": _text(START)})
        self.clock = clock["id"]
        party = {"id": self.recipe.name, "legal_name": "Example Ltd", "country": "US", "time_zone": "UTC"}
        self.api.call("POST", "/customers", body=party | {"test_clock": clock["id"]})
        order = {"id": self.recipe.name, "customer": self.recipe.name, "plan": plan}
        self.api.call("POST", "/subscriptions", body=order)

    def play(self) -> None:
        """
        Make the page's calls, send its usage, and compare its checks and balances, each at its time; at the same time
        in this order.
        """
        steps: dict[str, Callable[[dict[str, str]], None]] = {
            "Calls": self.make_call,
            "Usage": self.send_usage,
            "Checks": self.compare_check,
            "Balances": self.compare_balance,
        }
        rows = chain.from_iterable(((row, step) for row in self.recipe.table(name)) for name, step in steps.items())
        for row, step in sorted(rows, key=lambda pair: moment(pair[0]["time"])):
            self.advance(moment(row["time"]))
            step(row)

    def advance(self, to: datetime) -> None:
        """Advance the clock to a time, unless it is there."""
        if to > self.now:
            self.api.call("POST", f"/test-clocks/{self.clock}/advance", body={"to": _text(to)})
            advance_all()  # a worker's task, which the request has only queued
            clock = self.api.call("GET", f"/test-clocks/{self.clock}")
            assert clock["state"] == "standing", clock["failure"]
            self.now = to

    def make_call(self, row: dict[str, str]) -> None:
        """Make a call of the API; names in braces stand for ids."""
        method, address = row["call"].split()
        if "{wallet}" in address:
            self.ids["wallet"] = self.read_wallet()["id"]
        response = self.api.call(method, address.format(**self.ids), body=json.loads(row["body"]))
        self.ids |= {name: response[name] for name in ("invoice", "number") if name in response}

    def send_usage(self, row: dict[str, str]) -> None:
        """Send the events of a row, all of its time."""
        event = {
            "customer": self.recipe.name,
            "event": row["event"],
            "timestamp": _text(self.now),
            "properties": properties(row["properties"]),
        }
        events = [event | {"id": f"{row['time']}-{row['properties']}-{n}"} for n in range(int(number(row["times"])))]
        response = self.api.call("POST", "/events", body=events)
        assert response["accepted"] == len(events), response

    def compare_check(self, row: dict[str, str]) -> None:
        """Ask whether the customer may use a feature, and compare the answer with the row's other columns."""
        question: dict[str, Any] = {"feature": row["feature"], "quantity": str(number(row["quantity"]))}
        question |= {"customer": self.recipe.name, "properties": properties(row.get("properties", ""))}
        answer = self.api.call("POST", "/check", body=question)
        answer["upgrade"] = ", ".join(plan["code"] for plan in (answer.get("remedy") or {}).get("plans", ()))
        columns = row.keys() - {"time", "feature", "quantity", "properties", "why"}
        given = {column: answer[column.replace(" ", "_")] for column in columns}
        assert {column: _cell(value) for column, value in given.items()} == {
            column: row[column].replace(",", "") for column in columns
        }, row

    def compare_balance(self, row: dict[str, str]) -> None:
        """Compare the balance of the wallet, and its working."""
        assert Decimal(self.read_wallet()["balance"]) == number(row["balance"]) == value_of(row["working"]), row

    def read_wallet(self) -> dict[str, Any]:
        """Return the customer's latest wallet."""
        wallets = self.api.call("GET", "/wallets", query={"customer": self.recipe.name})
        return dict(wallets["data"][0])

    def compare_invoices(self) -> None:
        """
        Advance the clock to the day after the page's last invoice, and compare every line of every invoice, and the
        value of its working with its amount.
        """
        table = self.recipe.table("Invoices")
        self.advance(moment(table[-1]["date"]) + timedelta(days=1))
        listed = self.api.call("GET", "/invoices", query={"customer": self.recipe.name, "limit": 200})["data"]
        invoices = [self.api.call("GET", f"/invoices/{invoice['id']}") for invoice in reversed(listed)]
        lines = [
            f"{invoice['issued_at'][:10]} {line['description']}: {line['quantity']}, {line['amount']['amount']}"
            for invoice in invoices
            for line in invoice["lines"]
        ]
        expected = [
            f"{row['date']} {row['line']}: {number(row['quantity'])}, {row['amount'].replace(',', '')}"
            for row in table
        ]
        assert lines == expected, "\n".join(lines)
        for row in table:
            assert value_of(row["working"]).quantize(CENT, ROUND_HALF_UP) == number(row["amount"]), row


def _cell(value: Any) -> str:
    """Return a field of an answer in the form of a page's cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
