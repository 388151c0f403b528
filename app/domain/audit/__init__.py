"""Who changed what and who looked at whom; and the events by which others hear of it."""
