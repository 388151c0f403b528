"""Both cards' codes are read into the form's fields, and anything else is refused with a sentence."""

from __future__ import annotations

import pytest

from app.core.errors import InvalidValue
from app.domain.patients.scanning import read_card

ADDRESS = "12 Lê Lợi, Phường Bến Nghé, Quận 1, TP. Hồ Chí Minh"
READ = {"street": "12 Lê Lợi, Quận 1", "ward": "Phường Bến Nghé", "province": "Hồ Chí Minh"}


def test_an_identity_card_is_read() -> None:
    code = f"079184000123|012345678|Nguyễn Thị Ánh|15031984|Nữ|{ADDRESS}|01012021"
    known = {"cccd": "079184000123", "full_name": "Nguyễn Thị Ánh", "born_on": "15/03/1984", "sex": "female"}
    assert read_card(code + "|||\r\n") == known | READ


@pytest.mark.parametrize("write", [lambda text: text.encode().hex(), str])
def test_an_insurance_card_is_read(write) -> None:
    code = f"GD4790123456789|{write('Trần Văn Bình')}|01/02/1990|1|{write(ADDRESS)}|79 - 014|01/01/2024|-|05/01/2024|$"
    known = {"bhyt": "GD4790123456789", "full_name": "Trần Văn Bình", "born_on": "01/02/1990", "sex": "male"}
    assert read_card(code) == known | READ


@pytest.mark.parametrize(
    "code",
    [
        "x",
        "|" * 20,
        "https://vien.example/BN-000123",
        "079184000123|1|Nguyễn Thị Ánh|15031984|Nam|x|01012021",
        "079184000123|1|Nguyễn Thị Ánh|31021984|Nữ|x|01012021",
        "GD4790123456789|zz|01/02/1990|3|x",
        "GD4790123456789|ff|01/02/1990|1|x",
        "GD4790123456789|54|01/02/2990x|1|x",
        "9" * 10_000,
    ],
)
def test_anything_else_is_refused_at_the_field(code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_card(code)
    assert refused.value.field == "scan"
