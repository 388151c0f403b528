"""Every module that declares a kind of long work, imported once so that all kinds are known whoever asks first."""

from app.tenancy import making

__all__ = ["making"]
