"""Reminders, and the ledger of everything that leaves the hospital as a message."""
