"""Where the invented people live: provinces and wards as they are since July 2025."""

from __future__ import annotations

from random import Random

from app.core.formats.provinces import provinces

_WARDS = {
    "79": "Chợ Lớn,Bình Tây,An Đông,Chợ Quán,Minh Phụng,Phú Lâm,Bình Phú,Diên Hồng,Hòa Hưng,Vườn Lài,Bến Thành,"
    "Sài Gòn,Tân Định,Gia Định,Bình Thạnh,Thủ Đức,Tân Sơn Nhất,Tân Hưng,Bình Đông,Chánh Hưng",
    "48": "Hải Châu,Hòa Cường,Thanh Khê,An Khê,An Hải,Sơn Trà,Ngũ Hành Sơn,Hòa Khánh,Liên Chiểu,Cẩm Lệ,Hòa Xuân,"
    "Tam Kỳ,Hội An,Hội An Đông,Hội An Tây,Điện Bàn",
    "80": "Long An,Tân An,Tân Ninh,Trảng Bàng",
    "82": "Mỹ Tho,Cao Lãnh,Gò Công,Sa Đéc",
    "75": "Biên Hòa,Trấn Biên,Long Khánh",
    "92": "Ninh Kiều,Cái Răng,Vị Thanh",
    "46": "Thuận Hóa,Phú Xuân,Hương Thủy",
    "51": "Cẩm Thành,Nghĩa Lộ,Kon Tum",
    "52": "Quy Nhơn,Pleiku,An Nhơn",
    "44": "Đồng Hới,Đông Hà,Quảng Trị",
}
_NEIGHBOURS = {"79": ("80", "82", "75", "92"), "48": ("46", "51", "52", "44")}
_AT_HOME = 0.8


def invent_home(random: Random, province_code: str) -> tuple[str, str]:
    """Return province and ward of somebody who goes to a hospital of this province."""
    at_home = random.random() < _AT_HOME
    code = province_code if at_home else random.choice(_NEIGHBOURS[province_code])
    return provinces()[code], f"Phường {random.choice(_WARDS[code].split(','))}"
