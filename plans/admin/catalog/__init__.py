"""Staff pages of features, plans, meters, coupons and unit costs."""
