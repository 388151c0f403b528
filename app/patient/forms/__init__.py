"""The forms of the patient portal."""
