"""`flask worker`, `flask scheduler`, `flask relay`: the processes behind the portals."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import with_appcontext

from app.core.queue import QUEUES


@click.command("worker")
@click.option("--burst", is_flag=True, help="Stop when the queues are empty.")
@click.option(
    "--queue", "queues", multiple=True, type=click.Choice(QUEUES), help="Watch this queue only; may be given again."
)
@click.option("--processes", default=1, type=click.IntRange(1, 64), help="So many workers out of one process.")
@with_appcontext
def worker_command(burst: bool, queues: tuple[str, ...], processes: int) -> None:
    """Perform queued jobs until SIGTERM, which lets the present ones end.

    One worker of several stays free of any one hospital: have two at least. The queue `long` holds backups and other
    work of minutes: have a worker of its own for it.
    """
    current_app.extensions["jobs"].run_worker(burst=burst, queues=queues or QUEUES, processes=processes)


@click.command("relay")
@with_appcontext
def relay_command() -> None:
    """Carry events out of the hospitals as they are committed, until SIGTERM. Several may run."""
    current_app.extensions["jobs"].run_relay()


@click.command("scheduler")
@click.option("--list", "as_list", is_flag=True, help="Print the schedule and stop.")
@click.option("--json", "as_json", is_flag=True, help="With --list: one JSON object a line.")
@with_appcontext
def scheduler_command(as_list: bool, as_json: bool) -> None:
    """Ask for periodic jobs until SIGTERM. Several may run; one works."""
    if not as_list:
        current_app.extensions["jobs"].run_scheduler()
        return
    for period in current_app.extensions["jobs"].list_periods():
        where = "each hospital" if period.for_hospital else "platform"
        facts = {"job": period.job, "seconds": period.seconds, "where": where, "when": period.words()}
        click.echo(json.dumps(facts) if as_json else f"{period.job}\t{period.seconds} s\t{where}\t{facts['when']}")
