"""How values are written and read in Vietnam: dates, money, numbers, phones and names.

Each module reads what a person typed into a value, or raises an `InvalidValue` that says what to type
instead, and writes it back. What a value means for a patient or a prescription belongs to the domain.
"""
