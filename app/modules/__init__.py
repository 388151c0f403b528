"""Optional capabilities, independent of each other: pharmacy, human resources, learning, relations."""
