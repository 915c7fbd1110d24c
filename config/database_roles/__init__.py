"""
The three roles of the database: the owner of its tables, the application, and staff.

docs/decisions/0071-three-database-roles.md explains them, docs/production.md how to set them up.
"""
