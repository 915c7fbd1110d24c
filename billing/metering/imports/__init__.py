"""
Usage imports from CSV, JSON Lines and Parquet files, under the same rules as the API.

`row_reader` reads rows, `row_conversion` turns each row into an event as a client would send it, and `usage_import`
passes batches of events to the API's own parser and recorder: docs/ingest.md#files.
"""

from billing.metering.imports.row_conversion import RowMapping, build_row_mapping
from billing.metering.imports.row_reader import FORMATS, ImportFileRefused, detect_format, read_rows
from billing.metering.imports.usage_import import ImportTotals, Refusal, import_usage

__all__ = [
    "FORMATS",
    "ImportFileRefused",
    "ImportTotals",
    "Refusal",
    "RowMapping",
    "build_row_mapping",
    "detect_format",
    "import_usage",
    "read_rows",
]
