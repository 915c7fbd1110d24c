"""The files of many documents: made as bulk work, and sent in one archive: docs/rendering.md#many."""
