"""
Usage out of files: CSV, JSON Lines and Parquet, under the same rules as the API's.

`files` reads rows, `shaping` makes an event of each as a client would send it, and `operation` hands them in batches
to the very decoder and recording that answer the API: docs/ingest.md#files.
"""

from billing.metering.imports.row_conversion import Shape, shape_of
from billing.metering.imports.row_reader import FORMATS, FileRefused, format_of, rows_of
from billing.metering.imports.usage_import import Imported, Refusal, import_usage

__all__ = [
    "FORMATS",
    "FileRefused",
    "Imported",
    "Refusal",
    "Shape",
    "format_of",
    "import_usage",
    "rows_of",
    "shape_of",
]
