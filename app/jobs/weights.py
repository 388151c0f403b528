"""Telling the queues how often each hospital is next: by its plan. Without it all are alike."""

from __future__ import annotations

import sqlalchemy as sa
from flask import current_app

from app.core.keys import shared_name
from app.core.queue import job, redis_connection
from app.core.unit_of_work import unit_of_work
from app.jobs.schedule import every
from app.tenancy.models import Hospital, HospitalStatus

OF_PLANS = {"trial": 0.5, "standard": 1.0, "large": 2.0}


@every(seconds=300)
@job("weigh_hospitals", queue="fleet", for_hospital=False, once_within=300)
def weigh_hospitals() -> None:
    """Write down in Redis the weights of hospitals that differ from one."""
    of_plans = OF_PLANS | current_app.extensions["settings"].job_weights
    query = sa.select(Hospital.code, Hospital.plan).where(Hospital.status == HospitalStatus.ACTIVE)
    with unit_of_work() as session:
        weights = {code: of_plans.get(plan, 1) for code, plan in session.execute(query)}
    name = shared_name(None, "jobs", "weights")
    with redis_connection().pipeline(transaction=True) as pipeline:
        pipeline.delete(name)
        for code, weight in weights.items():
            if weight != 1:
                pipeline.hset(name, code, str(weight))
        pipeline.execute()
