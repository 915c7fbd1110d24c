"""Records that are pushed to other systems, such as a CRM: docs/adapters.md."""
