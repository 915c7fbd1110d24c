"""
The seller's own email texts: plain text in which `{number}` is a placeholder for a fact.

Placeholders are the only syntax and nothing is executed: a stored text is treated as data, since any staff user may
have written it.
"""

import re
from collections.abc import Mapping, Sequence

from babel import Locale
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.notifications.samples import EMAIL_FACTS, SAMPLES
from lib.locales import document_locale

LANGUAGES = {"en": _("English"), "de": _("German"), "fr": _("French"), "es": _("Spanish")}
"""Languages of the built-in emails; a template can be in any other language, for customers or contacts who use it."""

CUSTOMER = "customer_name"

Wordings = Mapping[str, Sequence[str]]
"""Language → subject and body."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def choose_language(language: str, wordings: Wordings) -> str:
    """Return the language of an email: the recipient's if the seller or Tollbook has a text in it, else English."""
    return next(name for name in (language, "en") if name in wordings or name in LANGUAGES)


def reader_locale(language: str, locale: str) -> Locale:
    """Return the locale of an email's figures. locale: the customer's, whose country decides how they are written."""
    country = document_locale(locale).territory
    return document_locale(f"{language}_{country}" if country else language)


def placeholder_names(kind: str) -> list[str]:
    """Return the facts that a template of this kind may use."""
    return [CUSTOMER, *SAMPLES[kind], *EMAIL_FACTS.get(kind, ())]


def find_problems(kind: str, text: str) -> list[str]:
    """Return the problems of a text in sentences: unknown placeholders, and stray braces."""
    known = placeholder_names(kind)
    unknown = [name for name in dict.fromkeys(_PLACEHOLDER.findall(text)) if name not in known]
    problems = [
        gettext("This email has no placeholder %(name)s. Use one of %(known)s.")
        % {"name": f"{{{name}}}", "known": ", ".join(known)}
        for name in unknown
    ]
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        problems.append(gettext("Use braces only around a placeholder, such as {customer_name}."))
    return problems


def fill_placeholders(text: str, facts: Mapping[str, str]) -> str:
    """Return a text with its placeholders replaced; an unknown one becomes empty."""
    return _PLACEHOLDER.sub(lambda match: facts.get(match[1], ""), text)
