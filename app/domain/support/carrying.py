"""Carrying what operators asked, or took back, from the centre into a hospital: at least once, with one effect."""

from __future__ import annotations

from app.core.unit_of_work import unit_of_work
from app.domain.support.granting import receive_requests
from app.tenancy.binding import bind_hospital, bound_hospital, tenancy
from app.tenancy.support import has_news_for, mark_carried, take_news_for


def has_news() -> bool:
    """Where an operator asked for support access, or took it back."""
    return has_news_for(bound_hospital().id)


def carry_requests(code: str) -> int:
    """Tell a hospital of all that it has not heard yet; return how many."""
    hospital_id = tenancy().registry.get_by_code(code).id
    with unit_of_work() as session:
        requests = take_news_for(hospital_id)
        session.flush()
        for request in requests:
            session.refresh(request)
            session.expunge(request)
    if not requests:
        return 0
    with bind_hospital(code), unit_of_work():
        receive_requests(requests)
    with unit_of_work():
        mark_carried([(request.id, request.state) for request in requests])
    return len(requests)
