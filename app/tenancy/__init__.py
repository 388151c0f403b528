"""Which hospital, which database, and the fleet of them."""
