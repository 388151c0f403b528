"""Every module that declares a kind of a hospital's long work, imported once so that all kinds are known."""

from app.domain.longwork import exports, imports, requeueing

__all__ = ["exports", "imports", "requeueing"]
