"""A hospital's figures: visits, waiting, no-shows and diagnoses by day, as of when they were last counted."""
