"""Alerts over security events: the same rules, raising and handling for the operators and for each hospital."""
