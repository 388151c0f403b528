"""Who always is in the demo: the two hospitals, their staff, the operators, and the patients who can sign in.

Everybody else is invented by `people`. Names and numbers belong to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import Sex
from app.tenancy.models import OperatorRole


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who operates the demo platform."""

    username: str
    full_name: str
    email: str
    role: OperatorRole


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works at a demo hospital; `listed` ones are shown with their password."""

    username: str
    full_name: str
    role: str
    department: str | None = None
    specialization: str | None = None
    slot_minutes: int = 20
    listed: bool = False


@dataclass(frozen=True, slots=True)
class KnownPatient:
    """A patient who is in the demo by name and can sign in."""

    full_name: str
    born_on: date
    sex: Sex
    cccd: str
    phone: str
    email: str
    province: str
    ward: str
    street: str
    bhyt: str


@dataclass(frozen=True, slots=True)
class DemoHospital:
    """A hospital of the demo."""

    code: str
    name: str
    seed: int
    province_code: str
    licence_place: str
    opens: time
    staff: tuple[Staff, ...]
    patients: tuple[KnownPatient, ...]


OPERATORS = (
    Operator("quantri", "Vũ Hoài Thương", "quantri@vien.example", OperatorRole.SUPER_ADMIN),
    Operator("kythuat", "Kiều Trọng Nghĩa", "kythuat@vien.example", OperatorRole.TECHNICIAN),
)

# Known to both hospitals, so that the front door has something to choose from.
SHARED_PATIENT = KnownPatient(
    full_name="Nguyễn Thị Minh Anh",
    born_on=date(1988, 4, 12),
    sex=Sex.FEMALE,
    cccd=compose_cccd("079", Sex.FEMALE, 1988, 4127),
    phone="+84909004127",
    email="minhanh@vien.example",
    province="Hồ Chí Minh",
    ward="Phường Chợ Lớn",
    street="27 đường Châu Văn Liêm",
    bhyt="DN4797900041273",
)
CHO_LON_PATIENT = KnownPatient(
    full_name="Trần Văn Bảo",
    born_on=date(1961, 11, 3),
    sex=Sex.MALE,
    cccd=compose_cccd("082", Sex.MALE, 1961, 3519),
    phone="+84913003519",
    email="vanbao@vien.example",
    province="Hồ Chí Minh",
    ward="Phường Bình Tây",
    street="118/4 đường Hậu Giang",
    bhyt="HT3797900035190",
)

HOSPITALS = (
    DemoHospital(
        code="cho-lon",
        name="Bệnh viện Chợ Lớn (dữ liệu mẫu)",
        seed=1862,
        province_code="79",
        licence_place="HCM",
        opens=time(7, 30),
        patients=(SHARED_PATIENT, CHO_LON_PATIENT),
        staff=(
            Staff("bs.hung", "Trần Quốc Hùng", "doctor", "NOI", "Nội khoa", 20, listed=True),
            Staff("bs.tam", "Đặng Thanh Tâm", "doctor", "TIM", "Tim mạch", 30, listed=True),
            Staff("bs.lan", "Nguyễn Thị Ngọc Lan", "doctor", "NHI", "Nhi khoa", 20),
            Staff("bs.thuy", "Phạm Thị Thu Thủy", "doctor", "SAN", "Sản phụ khoa", 30),
            Staff("bs.duc", "Lê Minh Đức", "doctor", "NGOAI", "Ngoại khoa", 30),
            Staff("bs.khoa", "Võ Đăng Khoa", "doctor", "TMH", "Tai Mũi Họng", 20),
            Staff("dd.mai", "Huỳnh Thị Tuyết Mai", "nurse", "NOI", listed=True),
            Staff("dd.phuong", "Bùi Thị Bích Phượng", "nurse", "NHI"),
            Staff("td.linh", "Hoàng Thùy Linh", "receptionist", listed=True),
            Staff("td.tuan", "Ngô Anh Tuấn", "receptionist"),
            Staff("xn.quang", "Lâm Vĩnh Quang", "lab_technician", listed=True),
            Staff("xn.hanh", "Trịnh Thị Mỹ Hạnh", "lab_technician"),
            Staff("qt.binh", "Dương Thái Bình", "administrator", listed=True),
        ),
    ),
    DemoHospital(
        code="song-han",
        name="Bệnh viện Sông Hàn (dữ liệu mẫu)",
        seed=1997,
        province_code="48",
        licence_place="ĐNA",
        opens=time(7),
        patients=(SHARED_PATIENT,),
        staff=(
            Staff("bs.thanh", "Hồ Công Thành", "doctor", "NOI", "Nội khoa", 20, listed=True),
            Staff("bs.vinh", "Đỗ Quang Vinh", "doctor", "TIM", "Tim mạch", 30, listed=True),
            Staff("bs.huong", "Phan Thị Quỳnh Hương", "doctor", "NHI", "Nhi khoa", 20),
            Staff("bs.nga", "Trương Thị Việt Nga", "doctor", "SAN", "Sản phụ khoa", 30),
            Staff("bs.long", "Nguyễn Hải Long", "doctor", "NGOAI", "Ngoại khoa", 30),
            Staff("bs.ha", "Cao Thị Thu Hà", "doctor", "TMH", "Tai Mũi Họng", 20),
            Staff("dd.yen", "Lê Thị Hải Yến", "nurse", "NOI", listed=True),
            Staff("dd.nhung", "Đoàn Thị Hồng Nhung", "nurse", "NHI"),
            Staff("td.trang", "Mai Thu Trang", "receptionist", listed=True),
            Staff("td.nam", "Tạ Hoài Nam", "receptionist"),
            Staff("xn.dung", "Huỳnh Tấn Dũng", "lab_technician", listed=True),
            Staff("xn.loan", "Phùng Thị Kim Loan", "lab_technician"),
            Staff("qt.son", "Lương Ngọc Sơn", "administrator", listed=True),
        ),
    ),
)
