"""Structured logs: one JSON object a line with request id and hospital, or readable text in development."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(level: str, style: str) -> None:
    """Send the standard library's and structlog's records through one renderer to standard error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    final: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if style == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("alembic", "app.core.budget_pool"):  # a pool says as information what its owner knows
        logging.getLogger(name).setLevel("WARNING")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; what is bound with `bind_log` comes along on every line."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def bind_log(**facts: str | None) -> None:
    """Add facts, such as the hospital's code, to every later line of this request or job."""
    structlog.contextvars.bind_contextvars(**{key: value for key, value in facts.items() if value is not None})


def clear_log() -> None:
    """Forget the facts bound for the last request or job."""
    structlog.contextvars.clear_contextvars()
