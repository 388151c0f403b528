"""Documents of patients: what came on paper or as images, in versions, with what they belong to."""
