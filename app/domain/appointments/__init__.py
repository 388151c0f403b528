"""Doctors' hours, free slots and the visits booked in them."""
