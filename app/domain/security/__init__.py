"""What happened to a hospital's security, and what raises an alert there."""
