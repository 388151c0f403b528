"""The templates of notes that a new hospital starts with, by department; its own to change.

They name what is commonly asked and examined, and state nothing as found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartingTemplate:
    """A template with the code of its department, None for every department."""

    name: str
    department: str | None
    history: str = ""
    examination: str = ""
    assessment: str = ""
    plan: str = ""


STARTING_TEMPLATES: tuple[StartingTemplate, ...] = (
    StartingTemplate(
        "Khám bệnh chung",
        None,
        "Khởi phát:\nDiễn biến:\nThuốc đã dùng:\nTiền sử bản thân:\nTiền sử gia đình:",
        "Toàn thân:\nTim mạch:\nHô hấp:\nTiêu hóa:\nThần kinh:\nCơ quan khác:",
        plan="Điều trị:\nDặn dò:\nHẹn tái khám:",
    ),
    StartingTemplate(
        "Tái khám bệnh mạn tính",
        None,
        "Tuân thủ thuốc:\nTác dụng không mong muốn:\nTheo dõi tại nhà:\nTriệu chứng mới:",
        "Toàn thân:\nTim phổi:\nBiến chứng cần tìm:",
        "Mức độ kiểm soát:",
        "Điều chỉnh thuốc:\nXét nghiệm theo dõi:\nHẹn tái khám:",
    ),
    StartingTemplate(
        "Nội tổng quát",
        "NOI",
        "Triệu chứng chính và thời gian:\nTriệu chứng kèm theo:\nBệnh mạn tính, thuốc đang dùng:\nHút thuốc, rượu bia:",
        "Toàn thân (ý thức, da niêm mạc, phù, hạch):\nTim:\nPhổi:\nBụng:\nThần kinh:",
    ),
    StartingTemplate(
        "Nhi khoa",
        "NHI",
        "Người đưa trẻ đến:\nSốt, ho, nôn, tiêu chảy (từ khi nào):\n"
        "Ăn bú, chơi, ngủ:\nTiêm chủng:\nSản khoa, phát triển:",
        "Tổng trạng, dấu hiệu mất nước:\nTai mũi họng:\nHô hấp (nhịp thở, rút lõm lồng ngực):\nTim:\nBụng:\nDa:",
        plan="Thuốc theo cân nặng:\nDấu hiệu cần đưa trẻ trở lại ngay:\nHẹn tái khám:",
    ),
    StartingTemplate(
        "Khám thai",
        "SAN",
        "Ngày đầu kỳ kinh cuối:\nTuổi thai:\n"
        "Tiền thai (PARA):\nThai máy, ra máu, đau bụng:\nTiêm phòng, bổ sung sắt và axit folic:",
        "Huyết áp, phù:\nBề cao tử cung, vòng bụng:\nTim thai:\nNgôi thai:",
        plan="Xét nghiệm, siêu âm:\nDấu hiệu nguy hiểm đã dặn:\nHẹn khám thai:",
    ),
    StartingTemplate(
        "Ngoại khoa",
        "NGOAI",
        "Cơ chế, thời điểm:\nĐau (vị trí, tính chất, hướng lan):\n"
        "Tiền sử phẫu thuật:\nThuốc chống đông:\nĂn uống lần cuối:",
        "Toàn thân:\nTại chỗ (nhìn, sờ, vận động):\nMạch và thần kinh ngoại vi:\nBụng:",
    ),
    StartingTemplate(
        "Tim mạch",
        "TIM",
        "Đau ngực:\nKhó thở (mức gắng sức):\nHồi hộp, ngất:\n"
        "Phù:\nTăng huyết áp, đái tháo đường, rối loạn lipid:\nTiền sử gia đình:",
        "Huyết áp hai tay:\nMạch ngoại vi:\nTĩnh mạch cổ, phù:\nTim (nhịp, tiếng tim, tiếng thổi):\nPhổi (ran):",
        plan="Điện tâm đồ, siêu âm tim:\nThuốc:\nLối sống:\nHẹn tái khám:",
    ),
    StartingTemplate(
        "Tai mũi họng",
        "TMH",
        "Tai (đau, chảy, nghe kém, ù):\nMũi (ngạt, chảy, ngửi kém):\nHọng (đau, nuốt vướng, khàn):\nChóng mặt:",
        "Tai phải, tai trái:\nMũi xoang:\nHọng, thanh quản:\nHạch cổ:",
    ),
)
