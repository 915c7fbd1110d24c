"""Take a price list into a draft: all of it or nothing, rows that are there already changed where they stand."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ForeignKey, Model
from djmoney.models.fields import MoneyField
from djmoney.money import Money

from lib.audit_log import audited_transaction
from lib.tabular_files import CellProblem
from plans.catalog.comparison import VersionDifference, compare
from plans.catalog.stored_terms import build_rate_terms
from plans.catalog.version_schema import child_keys
from plans.catalog.version_snapshot import read_contents
from plans.models import Feature, PlanVersion, Rate, Tier
from plans.price_lists.version_items import Item, ListRefused, fields_of, name_of


def take_in(
    item: Item, *, version: PlanVersion, by: AbstractBaseUser | None, at: datetime, dry_run: bool = False
) -> tuple[VersionDifference, ...]:
    """
    Make a draft hold what a price list says, and nothing else; return what that changes.

    dry_run: tell what it would change, and leave everything as it is.

    :raises ListRefused: if the version is no draft, or with all that is wrong with the list.
    """
    with audited_transaction("take in price list", by=by, at=at):
        version = PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version.pk)
        if not version.is_editable:
            raise ListRefused([CellProblem("", "", f"{version} is no draft: start a new version from it.")])
        (before,) = read_contents(version)
        _Store(item).put(version)
        (after,) = read_contents(version)
        transaction.set_rollback(dry_run)
        return compare(before, after)


class _Store:
    """Writes the rows of a list below a version; what does not fit is gathered, and nothing is kept then."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._problems: list[CellProblem] = []
        codes = {one.values.get("feature") for one in item.parts if "feature" in fields_of(one.model)}
        self._features = {feature.code: feature for feature in Feature.objects.filter(code__in=codes)}

    def put(self, version: PlanVersion) -> None:
        """:raises ListRefused: with all that does not fit."""
        if self._item.values:
            self._fill(version, self._item)
            self._save(version, self._item)
        self._put_parts(version, self._item)
        if self._problems:
            raise ListRefused(self._problems)

    def _put_parts(self, whole: Model, item: Item) -> None:
        for key in child_keys(type(whole)):
            listed = self._each_once([one for one in item.parts if one.model is key.model])
            there = dict(self._there(whole, key))
            for identity in there.keys() - {one.identity for one in listed}:
                there.pop(identity).delete()
            for place, one in enumerate(listed):
                row = there.get(one.identity) or key.model(**{key.name: whole})
                if hasattr(row, "position"):
                    row.position = place
                if self._fill(row, one) and self._can_charge(row, one):
                    self._save(row, one)
                    self._put_parts(row, one)

    def _there(self, whole: Model, key: ForeignKey) -> Iterator[tuple[tuple[Any, ...], Any]]:
        for row in key.model._default_manager.filter(**{key.name: whole}):
            values = {name: _plain(getattr(row, name)) for name in fields_of(key.model)}
            yield Item(key.model, values).identity, row

    def _fill(self, row: Any, item: Item) -> bool:
        """Write the values of an item to a row, and tell whether they fit."""
        before = len(self._problems)
        for name, field in fields_of(item.model).items():
            value = item.values.get(name)
            if isinstance(field, ForeignKey):
                if value not in self._features:
                    self._problems.append(CellProblem(item.where, name, f"No {name} has the code “{value}”."))
                    continue
                value = self._features[value]
            if isinstance(field, MoneyField) and value is not None:
                value = Money(value, item.values["currency"])
            setattr(row, name, value)
        if len(self._problems) == before:
            self._validate(row, item)
        return len(self._problems) == before

    def _validate(self, row: Any, item: Item) -> None:
        try:
            row.clean_fields(exclude=[one.name for one in row._meta.fields if one.name not in item.values])
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                self._problems += [CellProblem(item.where, name, text) for text in messages]

    def _can_charge(self, row: Any, item: Item) -> bool:
        """Tell whether a row is no rate, or one whose figures can charge, by the rules of plans.pricing."""
        if not isinstance(row, Rate):
            return True
        try:
            build_rate_terms(row, [Tier(**one.values) for one in item.parts if one.model is Tier])
        except ValueError as error:
            self._problems.append(CellProblem(item.where, "", str(error)))
            return False
        return True

    def _save(self, row: Any, item: Item) -> None:
        """:raises ListRefused: if the database refuses the row, with all that did not fit so far."""
        try:
            row.save()
        except IntegrityError as error:
            raise ListRefused([*self._problems, CellProblem(item.where, "", _in_words(error))]) from error

    def _each_once(self, listed: Sequence[Item]) -> list[Item]:
        """Return the rows that are the first of their kind, and tell of those that are not."""
        seen: dict[tuple[Any, ...], Item] = {}
        for one in listed:
            first = seen.setdefault(one.identity, one)
            if first is not one:
                text = f"The same {name_of(one.model)} is listed at {first.where} already."
                self._problems.append(CellProblem(one.where, "", text))
        return list(seen.values())


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return Decimal(value.amount)
    return value.code if isinstance(value, Model) else value


def _in_words(error: IntegrityError) -> str:
    """Return which promise of the database a list would break: constraints have sentences for names."""
    name = error.__cause__.diag.constraint_name if error.__cause__ else ""  # type: ignore[union-attr]
    return f"The list contradicts itself: {(name or str(error)).replace('_', ' ')}."
