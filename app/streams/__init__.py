"""The process type that holds event streams: `gunicorn --config python:app.streams.server app.streams.wsgi:app`.

It serves nothing but streams, on one greenlet each, so that pages never wait for a thread that somebody's open page
holds. The application is the same; what it refuses to pages it refuses here.
"""
