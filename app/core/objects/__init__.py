"""Objects under keys: a folder of this machine or an S3-compatible store, behind one interface.

An object is there whole or not at all: what is being written is not seen before its end, and an error leaves nothing.
"""

from app.core.objects.interface import ObjectStore, Sink, StoredObject, StoreFailed
from app.core.objects.opening import open_store

__all__ = ["ObjectStore", "Sink", "StoreFailed", "StoredObject", "open_store"]
