"""A price list as a file of a kind: written, and read into what it says."""

from collections.abc import Callable

from lib.tabular_files import FileRefused, as_csv, as_xlsx, read_table
from plans.models import PlanVersion
from plans.price_lists.json_format import as_json, item_of_document, parse
from plans.price_lists.table_format import ROW, columns, item_of, rows_of
from plans.price_lists.version_items import Item, items_of

KINDS: dict[str, Callable[[Item], bytes]] = {
    "csv": lambda item: as_csv(columns(), rows_of(item)),
    "xlsx": lambda item: as_xlsx(columns(), rows_of(item)),
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

    :raises FileRefused: if a text of it cannot stand in such a file.
    """
    return KINDS[kind](items_of(version))


def read(content: bytes, *, name: str) -> Item:
    """
    Return what a file says, by its name's ending.

    :raises FileRefused: if it cannot be read.
    :raises ListRefused: with every cell that does not fit.
    """
    kind = name.lower().rpartition(".")[2]
    if kind not in KINDS:
        raise FileRefused(f"“{name}” is no price list: they end in .csv, .xlsx or .json.")
    if kind == "json":
        return item_of_document(parse(content))
    return item_of(read_table(content, name=name, columns=columns(), needed=[ROW]))
