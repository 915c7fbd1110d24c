"""A rate's match is typed as text and kept as a mapping."""

import pytest
from django.forms import ValidationError

from plans.admin.fields.dimension_match import MatchField

TYPED = [
    # typed                                    kept
    ("", {}),
    ("model: gpt-4o", {"model": "gpt-4o"}),
    (" model : gpt-4o , token:output ", {"model": "gpt-4o", "token": "output"}),
    ("url: https://example.com", {"url": "https://example.com"}),
]


@pytest.mark.parametrize(("typed", "kept"), TYPED)
def test_reads(typed, kept):
    assert MatchField().clean(typed) == kept


@pytest.mark.parametrize(("_", "kept"), TYPED)
def test_shows_what_it_would_read_again(_, kept):
    field = MatchField()
    assert field.clean(field.prepare_value(kept)) == kept
    assert not field.has_changed(kept, field.prepare_value(kept))


WRONG = [
    # typed                          said
    ("gpt-4o", "does not say what it matches"),
    ("model:", "does not say what it matches"),
    ("model: a, model: b", "named twice"),
]


@pytest.mark.parametrize(("typed", "said"), WRONG)
def test_refuses(typed, said):
    with pytest.raises(ValidationError, match=said):
        MatchField().clean(typed)
