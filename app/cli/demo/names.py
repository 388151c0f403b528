"""Vietnamese names as people bear them: family name, middle name, given name. Faker's put the family name last."""

from __future__ import annotations

from random import Random

from app.domain.patients.models import Sex


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


_FAMILY = {
    "Nguyễn": 32, "Trần": 11, "Lê": 9, "Phạm": 7, "Huỳnh": 4, "Phan": 4, "Võ": 4, "Đặng": 3, "Bùi": 3, "Hoàng": 3,
    "Đỗ": 2, "Hồ": 2, "Ngô": 2, "Dương": 2, "Lý": 2, "Vũ": 2, "Trương": 2, "Đinh": 1, "Lâm": 1, "Mai": 1, "Đoàn": 1,
    "Trịnh": 1, "Châu": 1, "Quách": 1, "Tạ": 1, "Cao": 1, "Thái": 1, "Hà": 1, "Lương": 1, "Tô": 1,
}  # fmt: skip
_MIDDLE = {
    (Sex.MALE, "old"): _words("Văn Văn Văn Hữu Đình Công Xuân Ngọc Đức"),
    (Sex.MALE, "young"): _words("Văn Minh Quốc Gia Hoàng Đức Thanh Anh Tuấn Quang Nhật Trọng Hữu Công"),
    (Sex.FEMALE, "old"): _words("Thị Thị Thị Thị Kim Ngọc"),
    (Sex.FEMALE, "young"): _words("Thị Thị_Ngọc Thị_Thu Ngọc Minh Phương Bảo Khánh Mỹ Thanh Thùy Quỳnh Gia Thị_Kim"),
}
_GIVEN = {
    (Sex.MALE, "old"): _words(
        "An Ba Bình Cường Dũng Đức Hải Hai Hòa Hùng Lâm Lợi Lộc Minh Năm Nghĩa Nhân Phước Phúc Quang Sáu Sơn Tám Tâm"
        " Thanh Thành Thiện Thọ Toàn Tư Út Vinh Xuân"
    ),
    (Sex.MALE, "young"): _words(
        "An Bảo Bình Cường Dũng Duy Đạt Đức Hải Hiếu Huy Hùng Khang Khánh Khoa Khôi Kiên Long Lộc Minh Nam Nghĩa Nhân"
        " Phát Phong Phúc Quân Sơn Tài Thắng Thịnh Tiến Toàn Trí Trung Tú Tuấn Tùng Việt Vinh"
    ),
    (Sex.FEMALE, "old"): _words(
        "Ánh Ba Bé Cúc Dung Hai Hoa Hồng Huệ Hường Lài Lan Liên Liễu Loan Lý Mai Năm Nga Nguyệt Nhàn Sáu Sen Sương Tám"
        " Thoa Thu Tư Tuyết Út Vân Xuân Yến"
    ),
    (Sex.FEMALE, "young"): _words(
        "An Anh Châu Chi Diệp Dung Duyên Giang Hà Hân Hạnh Hằng Hiền Huyền Hương Lan Linh Loan Ly Mai My Nga Ngân Ngọc"
        " Nhi Nhung Như Oanh Phương Quyên Quỳnh Tâm Thảo Thư Thủy Tiên Trang Trâm Trinh Trúc Uyên Vân Vy Yến"
    ),
}
OLD_BEFORE = 1965


def invent_name(random: Random, sex: Sex, birth_year: int) -> str:
    """Return a full name such as people of this sex and age have."""
    kind = (sex, "old" if birth_year < OLD_BEFORE else "young")
    family = random.choices(list(_FAMILY), weights=list(_FAMILY.values()))[0]
    middle = random.choice(_MIDDLE[kind])
    given = random.choice([name for name in _GIVEN[kind] if name not in middle.split() and name != family])
    return f"{family} {middle} {given}"
