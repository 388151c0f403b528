"""The forms of the hospital's portal, one file per resource."""
