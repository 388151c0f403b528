"""Serves app/static under /static/ by WhiteNoise, with content-hashed names and ready-made gzip variants.

The sources stay small files; bundles are joined when the application starts, so there is no build step. Which asset a
page loads is the layouts' business.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from wsgiref.headers import Headers

from flask import Flask
from whitenoise import WhiteNoise

PREFIX = "/static/"
SOURCE = Path(__file__).resolve().parent.parent / "static"

# What pages ask for on the left, the source files it is joined from on the right, in this order.
BUNDLES: dict[str, tuple[str, ...]] = {
    "css/app.css": (
        "css/layers.css",
        "css/tokens.css",
        "css/base.css",
        "css/layouts.css",
        "css/controls.css",
        "css/components.css",
        "css/clinical.css",
        "css/plots.css",
        "css/worklists.css",
        "css/queue.css",
        "css/utilities.css",
        "css/print.css",
    ),
    "js/portal.js": ("js/csrf.js", "js/announce.js", "js/focus.js", "js/keep.js", "js/live.js"),
}

_COMPRESSIBLE = {".css", ".js", ".svg", ".txt", ".webmanifest"}
_SHARED_MODE = 0o644


class UnknownAsset(LookupError):
    """A template asks for a file that app/static does not have."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The published files: the folder they are in, and the address of each by its plain name."""

    folder: Path
    urls: dict[str, str]

    def url(self, name: str) -> str:
        """Return the address of an asset; it is the same at every hospital, so that it is fetched once."""
        try:
            return self.urls[name]
        except KeyError:
            raise UnknownAsset(f"app/static has no {name!r}") from None


def init_assets(app: Flask) -> Assets:
    """Publish the assets, serve them in front of the application, and give templates `static_url`.

    `ASSETS_DIR` in the configuration names the folder to publish into; without it, a temporary one is used, which
    is removed when the process that made it ends.
    """
    assets = publish(Path(app.config.get("ASSETS_DIR") or _temporary_folder(app)))
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(assets.folder),
        prefix=PREFIX,
        allow_all_origins=False,
        immutable_file_test=lambda _path, _url: True,
        add_headers_function=_add_headers,
    )
    app.jinja_env.globals["static_url"] = assets.url
    app.extensions["assets"] = assets
    return assets


def publish(folder: Path, source: Path = SOURCE) -> Assets:
    """Write every asset of the source under its hashed name into the folder, with gzip variants.

    Names carry the content, so a folder may be shared by several processes and releases: what is there is right.
    """
    contents = bundle_contents(source)
    urls = {}
    for name, content in contents.items():
        hashed = hashed_name(name, content)
        _write(folder / hashed, content)
        if Path(name).suffix in _COMPRESSIBLE:
            _write(folder / f"{hashed}.gz", gzip.compress(content, compresslevel=9, mtime=0))
        urls[name] = PREFIX + hashed
    return Assets(folder, urls)


def bundle_contents(source: Path = SOURCE) -> dict[str, bytes]:
    """Return what pages may ask for: every bundle, and every file that is no part of a bundle."""
    parts = {part for bundle in BUNDLES.values() for part in bundle}
    files = (path for path in sorted(source.rglob("*")) if path.is_file())
    alone = {path.relative_to(source).as_posix(): path for path in files}
    contents = {name: path.read_bytes() for name, path in alone.items() if name not in parts}
    for name, bundle in BUNDLES.items():
        contents[name] = b"\n".join((source / part).read_bytes().strip() for part in bundle) + b"\n"
    return contents


def hashed_name(name: str, content: bytes) -> str:
    """Return `css/app.<hash>.css` for `css/app.css`."""
    path = Path(name)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return path.with_name(f"{path.stem}.{digest}{path.suffix}").as_posix()


def _write(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(unfinished).chmod(_SHARED_MODE)
    # Renaming is atomic: another process that starts at this moment sees the whole file or none.
    Path(unfinished).replace(path)


def _temporary_folder(app: Flask) -> str:
    folder = tempfile.mkdtemp(prefix="vien-static-")
    weakref.finalize(app, _remove, folder, os.getpid())
    return folder


def _remove(folder: str, owner: int) -> None:
    # A forked web process runs the same clean-up when it ends; its siblings still serve from the folder.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _add_headers(headers: Headers, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
