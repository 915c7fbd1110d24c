"""Where a new plan starts: three questions, and templates with sensible figures that are all to be edited."""
