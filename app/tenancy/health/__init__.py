"""How hospitals' databases, the servers under them and the backup store do: asked every minute, kept for years."""

from app.tenancy.health.hospitals import check_hospital
from app.tenancy.health.reading import SERVICE, HealthReading
from app.tenancy.health.rounds import check_all, check_one, list_entries, record_readings

__all__ = ["SERVICE", "HealthReading", "check_all", "check_hospital", "check_one", "list_entries", "record_readings"]
