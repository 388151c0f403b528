"""What was found and said at a visit: vital signs, notes and diagnoses."""
