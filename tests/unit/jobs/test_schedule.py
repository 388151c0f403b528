"""The schedule is declared beside each job, and says no to what makes no sense."""

from __future__ import annotations

import pytest

import app.jobs  # noqa: F401 (fills the schedule)
from app.core.queue import BadJob
from app.jobs.rounds import wake_hospitals
from app.jobs.schedule import every, list_periods
from app.jobs.scheduler import cron_jobs
from app.jobs.sync import sync_hospital


def test_every_periodic_job_stands_in_the_list_once_and_the_most_frequent_first() -> None:
    periods = list_periods()
    assert len({period.job for period in periods}) == len(periods)
    assert [period.seconds for period in periods] == sorted(period.seconds for period in periods)


def test_a_job_is_not_scheduled_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        every(seconds=1)(sync_hospital)


def test_a_function_that_is_no_job_is_not_scheduled() -> None:
    with pytest.raises(BadJob):
        every(seconds=1)(lambda: None)


def test_a_platforms_job_asks_no_hospital_whether_it_is_due() -> None:
    with pytest.raises(ValueError, match="for no hospital"):
        every(seconds=1, due=lambda: True)(wake_hospitals)


def test_hospitals_jobs_of_one_period_share_one_round() -> None:
    names = [job.name for job in cron_jobs()]
    assert len(set(names)) == len(names)
    assert "wake_hospitals every 15 s" in names
    assert "send_due_reminders every 15 s" not in names
