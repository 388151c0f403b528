"""Alembic's entrance to the central history."""

from app.tenancy.migrating import run

run("central")
