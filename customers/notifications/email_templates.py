"""
Finance's own words in mails: plain text in which `{number}` stands for a fact.

Nothing else is looked up and nothing is run: a stored text is data, whoever wrote it.
"""

import re
from collections.abc import Mapping

from customers.notifications.samples import SAMPLES

LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}
"""Languages that mails come in; a wording may be in any other as well, for customers or contacts who speak it."""

CUSTOMER = "customer_name"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def placeholder_names(kind: str) -> list[str]:
    """Return the facts that a wording of this kind may name."""
    return [CUSTOMER, *SAMPLES[kind]]


def find_problems(kind: str, text: str) -> list[str]:
    """Return what is wrong with a text, in sentences: names that the kind has no fact for, and stray braces."""
    known = placeholder_names(kind)
    unknown = [name for name in dict.fromkeys(_PLACEHOLDER.findall(text)) if name not in known]
    found = [f"{{{name}}} is no fact of this mail; there are {', '.join(known)}." for name in unknown]
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        found.append("A brace stands only around the name of a fact, such as {customer_name}.")
    return found


def fill_placeholders(text: str, facts: Mapping[str, str]) -> str:
    """Return a text with facts in the place of their names; one that is not known this time leaves nothing."""
    return _PLACEHOLDER.sub(lambda found: facts.get(found[1], ""), text)
