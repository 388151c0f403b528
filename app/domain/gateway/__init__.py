"""The hospital's own access rules; what they mean is tenancy's (`app.tenancy.gateway`)."""
