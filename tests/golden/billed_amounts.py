"""What a customer was billed in their life, in the words of a case."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from tests.golden.cases import Figures
from tests.golden.plan_setup import is_level
from tests.golden.sandbox_customer import Document, Life

Entry = dict[str, Any]
Lines = list[tuple[set[str], Decimal]]
"""What cases may call a line, and its amount."""

NONE = Decimal(0)
FEES = {"subscription", "plan", "recurring", "fixed"}
KINDS = {
    "fee": FEES,
    "usage": {"usage", "overage"},
    "late_usage": {"usage", "overage"},
    "progressive": {"usage"},
    "true_up": {"commitment_true_up"},
    "coupon": {"discount"},
    "credit_pack": {"credits"},
    "fee_credit": {"item"},
}
"""Kind of our lines → what cases call them."""

BOUND = ": minimum of "
"""How the line reads that brings a price up to its minimum; cases tell it from usage."""


class Answers:
    """
    Answers the entries of a case's `expected`, of one life.

    An entry is of a step and a day. Its documents are those that were issued on that day, by that step or by one
    before it that no earlier entry of the day tells of. Several are one bill: what systems put on one invoice we may
    put on one for each subscription. What is on none of them was billed at nothing.
    """

    def __init__(self, life: Life) -> None:
        self.life = life

    def to(self, wanted: dict[str, list[Entry]]) -> Figures:
        """Return our figures, for all that is wanted; requests that were refused in any case."""
        found: Figures = {kind: [*ANSWERS[kind](self, entries)] for kind, entries in wanted.items()}
        return {**found, "errors": [*self.errors()]}

    def errors(self) -> Iterator[Figures]:
        """Yield what was refused, and why."""
        for step, why in sorted(self.life.refused.items()):
            yield {"date": self.life.case["steps"][step]["at"], "step": step, "error": why}

    def invoices(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry, documents in self._told("invoices", entries):
            yield bill(entry, documents)

    def credit_notes(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry, documents in self._told("credit-notes", entries):
            yield bill(entry, documents)

    def no_invoice(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry, documents in self._told("invoices", entries):
            if not documents:
                yield place(entry)

    def current_usage(self, entries: list[Entry]) -> Iterator[Figures]:
        """A level is told for the whole period, if it stays what it is: with us that is what is projected."""
        levels = {
            charge["metric"] for plan in self.life.plans.values() for charge in plan["charges"] if is_level(charge)
        }
        for entry in entries:
            used = self.life.usage[entry["step"]]
            costs = [one["projected" if name in levels else "cost"]["amount"] for name, one in used.items()]
            rates = [rate for one in used.values() for rate in one["rates"]]
            yield {
                **place(entry),
                "amount": total(costs),
                "units": total(one["used"] for one in used.values()),
                "chargeable_units": total(rate["billable"] for rate in rates),
            }

    def in_advance_fees(self, entries: list[Entry]) -> Iterator[Figures]:
        """What is charged event by event elsewhere, is with us what an event adds to the usage that is shown."""
        for entry in entries:
            before, after = self._costs(entry["step"] - 1), self._costs(entry["step"])
            yield {**place(entry), "amount": after[0] - before[0], "units": after[1] - before[1]}

    def _costs(self, step: int) -> tuple[Decimal, Decimal]:
        used = self.life.usage[step].values()
        return total(one["cost"]["amount"] for one in used), total(one["used"] for one in used)

    def balances(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry in entries:
            balance = total(one["balance"] for one in self.life.wallets[entry["step"]])
            yield {**place(entry), "wallet": balance, "credits": balance}

    def _told(self, kind: str, entries: list[Entry]) -> Iterator[tuple[Entry, list[Document]]]:
        """Yield each entry with its documents, complete."""
        left = list(self.life.documents[kind])
        for entry in entries:
            day = self.life.day_of(entry["date"])
            mine = [(step, one) for step, one in left if self._is_of(one, day) and step <= entry["step"]]
            left = [one for one in left if one not in mine]
            yield entry, [self.life.get(f"/{kind}/{one['id']}") for _, one in mine]

    def _is_of(self, document: Document, day: str) -> bool:
        return document["issued_at"] is not None and self.life.day_of(document["issued_at"]) == day


def place(entry: Entry) -> Figures:
    return {"date": entry["date"], "step": entry["step"]}


def bill(entry: Entry, documents: list[Document]) -> Figures:
    """Return what documents come to, with the lines that an entry asks for in its order."""
    figures = {name: total(document[name]["amount"] for document in documents) for name in ("net", "tax", "total")}
    paid = total(document["paid"]["amount"] for document in documents if "paid" in document)
    left_to_pay = figures["total"] - paid
    wanted = entry.get("lines", [])
    # Where a case counts what was prepaid among the lines, its total is what is left to pay.
    counts_prepaid = any(line["kind"] == "prepaid" for line in wanted)
    lines: Lines = [*together(documents), ({"net"}, figures["net"]), ({"tax"}, figures["tax"]), ({"prepaid"}, -paid)]
    return {
        **place(entry),
        "total": left_to_pay if counts_prepaid else figures["total"],
        "subtotal": figures["net"],
        "tax": figures["tax"],
        "tax_percent": ", ".join(sorted({tax["rate"] for document in documents for tax in document["taxes"]})),
        "amount_due": left_to_pay,
        "lines": in_the_order_of(wanted, lines),
    }


def together(documents: list[Document]) -> Lines:
    """Return the lines of documents, those that stand on each of several as one."""
    found: dict[tuple[str, int], tuple[set[str], Decimal]] = {}
    for document in documents:
        of_this = Counter[str]()
        for line in document["lines"]:
            of_this[line["description"]] += 1
            key = line["description"], of_this[line["description"]]
            kinds, before = found.get(key, (named(line), NONE))
            found[key] = kinds, before + Decimal(line["amount"]["amount"])
    return list(found.values())


def named(line: Document) -> set[str]:
    """Return what cases may call a line of ours."""
    if line["kind"] == "proration":
        return {"credit_note"} if Decimal(line["amount"]["amount"]) < 0 else FEES
    if BOUND in line["description"]:
        return {"true_up"}
    return KINDS[line["kind"]]


def in_the_order_of(wanted: list[Entry], lines: Lines) -> list[Figures]:
    """
    Return of our lines those that are asked for: the same amount if there is one, else the first of the kind.

    Lines that are not asked for may exist; one that we have not is of nothing.
    """
    left, found = list(lines), []
    for asked in wanted:
        of_kind = [one for one in left if asked["kind"] in one[0]]
        same = [one for one in of_kind if one[1] == Decimal(asked["amount"])]
        chosen = next(iter(same or of_kind), None)
        if chosen:
            left.remove(chosen)
        found.append({"kind": asked["kind"], "amount": chosen[1] if chosen else NONE})
    return found


def total(amounts: Any) -> Decimal:
    return sum(map(Decimal, amounts), NONE)


ANSWERS: dict[str, Callable[[Answers, list[Entry]], Iterator[Figures]]] = {
    "invoices": Answers.invoices,
    "credit_notes": Answers.credit_notes,
    "no_invoice": Answers.no_invoice,
    "current_usage": Answers.current_usage,
    "in_advance_fees": Answers.in_advance_fees,
    "balances": Answers.balances,
}
