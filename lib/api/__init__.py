"""The API's common ground: parsing, problems, pagination, filters and its description."""
