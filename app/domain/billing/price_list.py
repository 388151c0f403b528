"""What a new hospital's price list begins with: services without prices, which each hospital has approved for itself.

In Vietnam prices are set by the hospital's class and province (Circular 21/2024/TT-BYT), so none is guessed here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartingService:
    """One line of the list."""

    code: str
    name: str
    name_en: str
    category: str


STARTING_SERVICES = (
    StartingService("KHAM", "Khám bệnh", "Consultation", "consultation"),
    StartingService("KHAM-CK", "Khám chuyên khoa", "Specialist consultation", "consultation"),
    StartingService("HOI-CHAN", "Hội chẩn", "Case conference", "consultation"),
    StartingService("CAP-CUU", "Khám cấp cứu", "Emergency consultation", "consultation"),
    StartingService("XN-CTM", "Tổng phân tích tế bào máu", "Complete blood count", "laboratory"),
    StartingService("XN-GLU", "Định lượng glucose máu", "Blood glucose", "laboratory"),
    StartingService("XN-NT", "Tổng phân tích nước tiểu", "Urinalysis", "laboratory"),
    StartingService("XQ-NGUC", "X-quang ngực thẳng", "Chest X-ray", "imaging"),
    StartingService("SA-BUNG", "Siêu âm ổ bụng", "Abdominal ultrasound", "imaging"),
    StartingService("DT", "Điện tim thường", "Electrocardiogram", "procedure"),
    StartingService("THAY-BANG", "Thay băng vết thương", "Wound dressing", "procedure"),
)
