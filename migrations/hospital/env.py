"""Alembic's entrance to the history of every hospital."""

from app.tenancy.migrating import run

run("hospital")
