"""The amounts of an explanation sum to its invoice, and the steps of its bridge to the difference."""

from decimal import Decimal

import pytest

from invoices.explanation.bridge import build_bridge, fold_steps
from invoices.explanation.explanation import explain
from invoices.explanation.parts import MAX_PARTS, fold, invoice_parts
from tests.invoices.explanation.printed_amounts import printed_steps, printed_sum
from tests.invoices.explanation.random_invoices import random_pair
from tests.invoices.explanation.sample_invoices import LOCALES

SEEDS = range(1_000)
SEEDS_PER_TEST = 100


def pairs(start: int):
    return [random_pair(seed) for seed in SEEDS[start : start + SEEDS_PER_TEST]]


@pytest.fixture(scope="module", params=SEEDS[::SEEDS_PER_TEST])
def random_pairs(request):
    return pairs(request.param)


def test_parts_sum_to_the_total(random_pairs):
    for _, invoice in random_pairs:
        parts = invoice_parts(invoice)
        assert sum(part.amount for part in parts) == invoice.total
        assert sum(part.amount for part in fold(parts)) == invoice.total
        assert len(fold(parts)) <= MAX_PARTS


def test_steps_sum_to_the_difference(random_pairs):
    for earlier, invoice in random_pairs:
        bridge = build_bridge(earlier, invoice)
        assert sum(step.amount for step in bridge.steps) == invoice.total - earlier.total
        assert sum(step.amount for step in fold_steps(bridge.steps, most=3)) == invoice.total - earlier.total


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
def test_the_printed_amounts_sum_too(random_pairs, locale):
    for earlier, invoice in random_pairs:
        explanation = explain(invoice, earlier, locale=locale)
        if any(line.amount for line in invoice.lines):
            total, terms = printed_sum(explanation.sentences[0], invoice.currency, locale)
            assert total == terms == invoice.total, explanation.text
        comparison = next(sentence for sentence in explanation.sentences if earlier.number in sentence)
        steps = printed_steps(comparison, invoice.currency, locale)
        assert steps == invoice.total - earlier.total, explanation.text


def test_the_random_invoices_have_every_kind_of_part_and_step():
    """Otherwise the laws above would hold for too few cases."""
    parts, effects = set(), set()
    for earlier, invoice in pairs(0):
        parts |= {part.kind for part in fold(invoice_parts(invoice))}
        effects |= {step.effect for step in build_bridge(earlier, invoice).steps}
    assert parts == {"fee", "usage", "other", "discount", "tax", "rest"}
    assert effects == {"quantity", "price", "new", "ended", "change", "discount", "tax"}


def test_a_part_that_is_left_out_is_noticed():
    _, invoice = random_pair(1)
    sentence = explain(invoice, None, locale=LOCALES["en_US"]).sentences[0]
    shorter = sentence[: sentence.rindex(" + ")] + "."
    total, terms = printed_sum(shorter, invoice.currency, LOCALES["en_US"])
    assert total == invoice.total != terms
    assert isinstance(terms, Decimal)
