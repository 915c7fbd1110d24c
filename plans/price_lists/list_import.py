"""The import of a price list into a draft: all of it or nothing; rows that match existing ones update them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ForeignKey, Model
from django.utils.translation import gettext
from djmoney.models.fields import MoneyField
from djmoney.money import Money

from lib.audit_log import audited_transaction
from lib.tabular_files import CellProblem
from plans.catalog.comparison import VersionDifference, compare
from plans.catalog.stored_terms import build_rate_terms
from plans.catalog.version_schema import child_keys
from plans.catalog.version_snapshot import read_contents
from plans.models import Feature, PlanVersion, Rate, Tier
from plans.price_lists.version_items import Item, ListRefused, fields_of, row_kind


def import_price_list(
    item: Item, *, version: PlanVersion, by: User | None, at: datetime, dry_run: bool = False
) -> tuple[VersionDifference, ...]:
    """
    Replace the content of a draft with a price list, and return the differences.

    dry_run: return the differences and roll back.

    :raises ListRefused: if the version is not a draft, or with every problem of the list.
    """
    with audited_transaction("import price list", by=by, at=at):
        # Row lock: an edit or a publication of the draft waits until the import is complete.
        version = PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version.pk)
        if not version.is_editable:
            raise ListRefused(
                [
                    CellProblem(
                        "",
                        "",
                        gettext("%(version)s is not a draft; create a new version from it.") % {"version": version},
                    )
                ]
            )
        (before,) = read_contents(version)
        _ListWriter(item).put(version)
        (after,) = read_contents(version)
        transaction.set_rollback(dry_run)
        return compare(before, after)


class _ListWriter:
    """Writes the rows of a list below a version. Problems are collected, and any problem rolls back everything."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._problems: list[CellProblem] = []
        codes = {part.values.get("feature") for part in item.parts if "feature" in fields_of(part.model)}
        self._features = {feature.code: feature for feature in Feature.objects.filter(code__in=codes)}

    def put(self, version: PlanVersion) -> None:
        """
        Store the list.

        :raises ListRefused: with every problem.
        """
        if self._item.values:
            self._fill(version, self._item)
            self._save(version, self._item)
        self._put_parts(version, self._item)
        if self._problems:
            raise ListRefused(self._problems)

    def _put_parts(self, parent: Model, item: Item) -> None:
        for key in child_keys(type(parent)):
            items = self._drop_duplicates([part for part in item.parts if part.model is key.model])
            stored_rows = dict(self._stored_rows(parent, key))
            for identity in stored_rows.keys() - {child.identity for child in items}:
                stored_rows.pop(identity).delete()
            for position, child_item in enumerate(items):
                row = stored_rows.get(child_item.identity) or key.model(**{key.name: parent})
                if hasattr(row, "position"):
                    row.position = position
                if self._fill(row, child_item) and self._can_charge(row, child_item):
                    self._save(row, child_item)
                    self._put_parts(row, child_item)

    def _stored_rows(self, parent: Model, key: ForeignKey[Any, Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        for row in key.model._default_manager.filter(**{key.name: parent}):
            values = {name: _plain(getattr(row, name)) for name in fields_of(key.model)}
            yield Item(key.model, values).identity, row

    def _fill(self, row: Any, item: Item) -> bool:
        """Set the fields of a row from an item, and return whether they are valid."""
        problem_count = len(self._problems)
        for name, field in fields_of(item.model).items():
            value = item.values.get(name)
            if isinstance(field, ForeignKey):
                if value not in self._features:
                    self._problems.append(
                        CellProblem(
                            item.where,
                            name,
                            gettext("No %(kind)s has the code “%(code)s”.") % {"kind": name, "code": value},
                        )
                    )
                    continue
                value = self._features[value]
            if isinstance(field, MoneyField) and value is not None:
                value = Money(value, item.values["currency"])
            setattr(row, name, value)
        if len(self._problems) == problem_count:
            self._validate(row, item)
        return len(self._problems) == problem_count

    def _validate(self, row: Any, item: Item) -> None:
        try:
            row.clean_fields(
                exclude=[model_field.name for model_field in row._meta.fields if model_field.name not in item.values]
            )
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                self._problems += [CellProblem(item.where, name, text) for text in messages]

    def _can_charge(self, row: Any, item: Item) -> bool:
        """
        Return whether a row is anything but a rate, or a rate whose figures are valid by the rules of plans.pricing.
        """
        if not isinstance(row, Rate):
            return True
        try:
            build_rate_terms(row, [Tier(**tier.values) for tier in item.parts if tier.model is Tier])
        except ValueError as error:
            self._problems.append(CellProblem(item.where, "", str(error)))
            return False
        return True

    def _save(self, row: Any, item: Item) -> None:
        """
        Save a row.

        :raises ListRefused: if the database rejects the row, with all problems so far.
        """
        try:
            row.save()
        except IntegrityError as error:
            raise ListRefused([*self._problems, CellProblem(item.where, "", _constraint_text(error))]) from error

    def _drop_duplicates(self, items: Sequence[Item]) -> list[Item]:
        """Return the first item of each identity, and report the others as problems."""
        seen: dict[tuple[Any, ...], Item] = {}
        for item in items:
            first = seen.setdefault(item.identity, item)
            if first is not item:
                text = f"The same {row_kind(item.model)} is already listed at {first.where}."
                self._problems.append(CellProblem(item.where, "", text))
        return list(seen.values())


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return Decimal(value.amount)
    return value.code if isinstance(value, Feature) else value


def _constraint_text(error: IntegrityError) -> str:
    """Return the violated constraint in words: constraints have sentences for names."""
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else ""
    return f"The list is inconsistent: {(name or str(error)).replace('_', ' ')}."
