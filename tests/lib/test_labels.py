"""Metadata and tags follow one set of rules, in the code and in the database."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection

from customers.models import Customer
from lib.labels import merge_metadata, validate_metadata, validate_tags
from tests.builders import make_customer

METADATA = [
    # metadata                                       its faults name
    ({"crm_id": "0061k", "Kunde seit": "2019 – Köln"}, []),
    ({str(number): "" for number in range(50)}, []),
    ({str(number): "" for number in range(51)}, ["51 keys"]),
    ({"x" * 40: "y" * 500}, []),
    ({"x" * 41: ""}, ["“" + "x" * 41]),
    ({"": ""}, ["“”"]),
    ({"a:b": "", "a[b]": ""}, ["“a:b”", "“a[b]”"]),
    ({" padded": ""}, ["“ padded”"]),
    ({"long": "y" * 501}, ["“long” has 501"]),
    ({"seats": 5, "list": []}, ["“seats” must be text", "“list” must be text"]),
    ({"nul": "\0"}, ["“nul” contains U+0000"]),
    (["a"], ["object"]),
]


@pytest.mark.parametrize(("metadata", "faults"), METADATA)
def test_each_fault_of_metadata_names_its_key(metadata, faults):
    messages = []
    try:
        validate_metadata(metadata)
    except ValidationError as error:
        messages = error.messages
    assert len(messages) == len(faults)
    assert all(fault in message for fault, message in zip(faults, messages, strict=True)), messages


@pytest.mark.parametrize("tags", [[], ["pilot"], ["emea-launch", "tier_1", "2026"], ["x" * 40]])
def test_slugs_are_tags(tags):
    validate_tags(tags)


@pytest.mark.parametrize("tag", ["", "Pilot", "two words", "-x", "x--y", "x-", "münchen", "x" * 41])
def test_others_are_not(tag):
    with pytest.raises(ValidationError, match="can't be a tag"):
        validate_tags(["fine", tag])


def test_a_row_has_twenty_tags():
    with pytest.raises(ValidationError, match="21 tags; 20 are allowed"):
        validate_tags([f"t{number}" for number in range(21)])


def test_null_removes_a_key_and_others_stay():
    merged = merge_metadata({"a": "1", "b": "2"}, {"b": None, "c": "3", "d": None})
    assert merged == {"a": "1", "c": "3"}


WRITTEN = [
    # column    SQL of a value                          constraint
    ("metadata", """'["x"]'""", "customer_metadata_is_text_by_key"),
    ("metadata", "'5'", "customer_metadata_is_text_by_key"),
    ("metadata", """'{"a": 5}'""", "customer_metadata_is_text_by_key"),
    ("metadata", """'{"a": null}'""", "customer_metadata_is_text_by_key"),
    (
        "metadata",
        "(SELECT jsonb_object_agg(n, '') FROM generate_series(1, 51) n)",
        "customer_metadata_is_text_by_key",
    ),
    ("tags", "'{Pilot}'", "customer_tags_are_few_slugs"),
    ("tags", "'{two words}'", "customer_tags_are_few_slugs"),
    ("tags", "'{x--y}'", "customer_tags_are_few_slugs"),
    ("tags", "(SELECT array_agg(n::text) FROM generate_series(1, 21) n)", "customer_tags_are_few_slugs"),
]


@pytest.mark.parametrize(("column", "value", "constraint"), WRITTEN)
@pytest.mark.django_db
def test_the_database_refuses_what_the_code_refuses(column, value, constraint):
    customer = make_customer()
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match=constraint):
        cursor.execute(f"UPDATE customers_customer SET {column} = {value} WHERE id = {customer.pk}")  # noqa: S608


@pytest.mark.django_db
def test_the_database_takes_what_the_code_takes():
    customer = make_customer()
    customer.metadata = {str(number): "ü" * 500 for number in range(50)}
    customer.tags = [f"t-{number}_x" for number in range(20)]
    customer.full_clean()
    customer.save()
    assert Customer.objects.filter(tags__contains=["t-7_x"], metadata__contains={"7": "ü" * 500}).exists()
