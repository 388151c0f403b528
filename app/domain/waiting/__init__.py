"""The waiting list: times that became free are offered to those who wait for an earlier visit, in order."""
