"""A price list in each file format: written and read."""

from collections.abc import Callable

from django.utils.translation import gettext

from lib.tabular_files import FileRefused, as_csv, as_xlsx, read_table
from plans.models import PlanVersion
from plans.price_lists.json_format import as_json, item_from_document, parse
from plans.price_lists.table_format import ROW, columns, item_from_table, to_rows
from plans.price_lists.version_items import Item, read_items

KINDS: dict[str, Callable[[Item], bytes]] = {
    "csv": lambda item: as_csv(columns(), to_rows(item)),
    "xlsx": lambda item: as_xlsx(columns(), to_rows(item)),
    "json": as_json,
}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


def write(version: PlanVersion, kind: str) -> bytes:
    """
    Return the price list of a version as a file: csv, xlsx or json.

    :raises FileRefused: if one of its texts cannot be stored in such a file.
    """
    return KINDS[kind](read_items(version))


def read(content: bytes, *, name: str) -> Item:
    """
    Read a price list from a file in the format of its name's extension.

    :raises FileRefused: if it cannot be read.
    :raises ListRefused: with every cell that does not fit.
    """
    kind = name.lower().rpartition(".")[2]
    if kind not in KINDS:
        raise FileRefused(
            gettext("“%(name)s” is not a price list; choose a .csv, .xlsx or .json file.") % {"name": name}
        )
    if kind == "json":
        return item_from_document(parse(content))
    return item_from_table(read_table(content, name=name, columns=columns(), needed=[ROW]))
