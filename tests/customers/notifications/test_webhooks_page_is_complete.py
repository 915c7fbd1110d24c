"""docs/webhooks.md lists every event type with an example, its mail recipients, and the retry schedule."""

import json
import re
from datetime import timedelta
from pathlib import Path

from django.template.loader import get_template

from customers.notifications.delivery_queue import RETRY_AFTER
from customers.notifications.kinds import KINDS, TEST

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(line) for line in PAGE.split("```json\n")[1].split("```")[0].splitlines()]
UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}


def rows(pattern: str) -> list[list[str]]:
    return [re.split(r"\s*\|\s*", line)[1:-1] for line in PAGE.splitlines() if re.match(pattern, line)]


def test_every_type_has_an_example():
    assert [example["type"] for example in EXAMPLES] == [*sorted(KINDS), TEST]
    assert all(set(example) == {"type", "timestamp", "data"} for example in EXAMPLES)
    assert all(example["data"]["sandbox"] is False for example in EXAMPLES)


def test_every_type_lists_its_mail_recipients():
    documented = {name.strip("`"): (when, mail, owner) for name, when, mail, owner in rows(r"\| `[a-z]+\.")}
    wanted = {name: (str(kind.title), str(kind.mail), "yes" if kind.to_owner else "") for name, kind in KINDS.items()}
    assert documented == wanted


def test_the_retry_schedule_is_documented():
    waits = [wait.split(" ") for number, wait in rows(r"\| \d+ \|") if number != "1"]
    assert tuple(timedelta(**{UNITS[unit]: int(number)}) for number, unit in waits) == RETRY_AFTER


def test_the_mail_of_each_example_is_complete():
    mails = {
        example["type"]: example_mail(example)
        for example in EXAMPLES[:-1]
        if KINDS[example["type"]].mail or KINDS[example["type"]].to_owner
    }

    assert len(mails) >= 20
    gap = re.compile(r" ( |[.,:?]|$)|: *$|\(\)", re.MULTILINE)
    assert {name: text for name, text in mails.items() if gap.search(text)} == {}


def example_mail(example: dict) -> str:
    facts = {name: value for name, value in example["data"].items() if value is not None}
    return get_template(f"email/{example['type']}.txt").render({**facts, "customer_name": "Acme GmbH"})
