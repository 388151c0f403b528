"""Who waits, who is called, and the screens that show it."""
