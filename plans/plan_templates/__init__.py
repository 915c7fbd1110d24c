"""The start of a new plan: three questions, and templates with sensible figures to edit."""
