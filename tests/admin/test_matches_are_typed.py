"""A rate's match is typed as text and stored as a mapping."""

import pytest
from django.forms import ValidationError

from plans.admin.fields.dimension_match import MatchField

TYPED = [
    # typed                                    stored
    ("", {}),
    ("model: gpt-4o", {"model": "gpt-4o"}),
    (" model : gpt-4o , token:output ", {"model": "gpt-4o", "token": "output"}),
    ("url: https://example.com", {"url": "https://example.com"}),
]


@pytest.mark.parametrize(("typed", "stored"), TYPED)
def test_reads(typed, stored):
    assert MatchField().clean(typed) == stored


@pytest.mark.parametrize(("_", "stored"), TYPED)
def test_the_shown_text_reads_back_as_the_same_match(_, stored):
    field = MatchField()
    assert field.clean(field.prepare_value(stored)) == stored
    assert not field.has_changed(stored, field.prepare_value(stored))


WRONG = [
    # typed                          message
    ("gpt-4o", "is incomplete"),
    ("model:", "is incomplete"),
    ("model: a, model: b", "occurs twice"),
]


@pytest.mark.parametrize(("typed", "message"), WRONG)
def test_refuses(typed, message):
    with pytest.raises(ValidationError, match=message):
        MatchField().clean(typed)
