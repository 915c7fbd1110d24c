"""All tables as Parquet or CSV files in a folder or bucket, every night: docs/data-drop.md."""
