"""Who changed what, when and why: the trail that the database's triggers keep, in words."""
