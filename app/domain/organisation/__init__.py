"""The hospital itself: whose database this is, and its departments."""
