"""What people come to each department for: complaint, findings, diagnoses and usual medicines.

Invented, but such as a doctor would write; doses are usual ones for the ages that a case is limited to. Nothing here is
advice.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.patients.models import Sex
from app.domain.prescriptions.models import MealTiming

ANY, BEFORE, AFTER, BEDTIME = MealTiming.ANY, MealTiming.BEFORE, MealTiming.AFTER, MealTiming.BEDTIME


@dataclass(frozen=True, slots=True)
class Item:
    """A medicine by its code in the formulary, with its dose."""

    code: str
    amount: str
    times: int
    days: int
    meal: MealTiming = ANY
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A reason to come and what came of it; `ages` are years, both ends included."""

    reason: str
    history: str
    examination: str
    assessment: str
    plan: str
    diagnoses: tuple[str, ...]
    medicines: tuple[Item, ...] = ()
    ages: tuple[int, int] = (16, 120)
    sex: Sex | None = None
    fever: bool = False
    high_pressure: bool = False
    pain: int = 0


_PARA = Item("PARA500", "1", 3, 3, AFTER, "Uống khi đau hoặc sốt từ 38,5 °C, cách nhau ít nhất 6 giờ")
_PARA_SMALL = Item("PARA150S", "1", 3, 2, ANY, "Đặt khi sốt từ 38,5 °C, cách nhau ít nhất 6 giờ")
_PARA_CHILD = Item("PARA250G", "1", 3, 3, ANY, "Uống khi sốt từ 38,5 °C, cách nhau ít nhất 6 giờ")

GENERAL = (
    Case("Tái khám tăng huyết áp", "Tăng huyết áp 4 năm, uống thuốc đều, không đau ngực, không khó thở.",
         "Tỉnh, tiếp xúc tốt. Tim đều, không âm thổi. Phổi trong. Không phù.",
         "Tăng huyết áp, chưa đạt mục tiêu.", "Giảm muối, đi bộ 30 phút mỗi ngày. Tái khám sau 1 tháng.",
         ("I10", "E78.5"), (Item("AMLO5", "1", 1, 30, ANY, "Uống buổi sáng"), Item("LOSA50", "1", 1, 30),
                            Item("ATOR20", "1", 1, 30, BEDTIME)), (40, 120), high_pressure=True),
    Case("Kiểm tra đường huyết định kỳ", "Đái tháo đường típ 2, không tê chân, không nhìn mờ.",
         "Tỉnh, da niêm hồng. Mạch mu chân rõ, cảm giác bàn chân tốt.", "Đái tháo đường típ 2, đường huyết ổn định.",
         "Chế độ ăn ít đường, khám mắt và bàn chân hằng năm. HbA1c sau 3 tháng.", ("E11.9", "E78.2"),
         (Item("METF500", "1", 2, 30, AFTER), Item("GLIC30", "1", 1, 30, BEFORE, "Uống trước bữa sáng"),
          Item("ROSU10", "1", 1, 30, BEDTIME)), (38, 120)),
    Case("Đau vùng thượng vị, ợ chua", "Đau âm ỉ thượng vị 2 tuần, tăng khi đói, ợ chua, không nôn ra máu.",
         "Bụng mềm, ấn đau nhẹ thượng vị, không phản ứng thành bụng.", "Viêm dạ dày, trào ngược.",
         "Ăn đúng bữa, tránh rượu bia, cà phê. Nội soi nếu không giảm sau 2 tuần.", ("K29.7", "K21.9"),
         (Item("ESOM40", "1", 1, 14, BEFORE, "Uống trước bữa sáng 30 phút"),
          Item("ALMAG", "1", 3, 7, AFTER, "Nhai kỹ, sau ăn 1 giờ"), Item("DOMPE10", "1", 3, 5, BEFORE)),
         (18, 75), pain=4),
    Case("Ho có đờm, đau họng 5 ngày", "Ho đờm trắng, sốt nhẹ ngày đầu, không khó thở.",
         "Họng đỏ, phổi ran ngáy rải rác, không rút lõm lồng ngực.", "Viêm phế quản cấp, nhiều khả năng do virus.",
         "Uống nhiều nước ấm, nghỉ ngơi. Khám lại nếu sốt quá 3 ngày hoặc khó thở.", ("J20.9",),
         (_PARA, Item("AMBRO30", "1", 3, 7, AFTER)), fever=True),
    Case("Đau lưng sau khi mang vật nặng", "Đau thắt lưng 3 ngày, không lan xuống chân, không tê.",
         "Cơ cạnh sống co cứng, Lasègue âm tính hai bên.", "Đau cột sống thắt lưng cơ học.",
         "Chườm ấm, tránh cúi gập và mang vác trong 2 tuần.", ("M54.5",),
         (Item("MELOX75", "1", 1, 7, AFTER), Item("EPERI50", "1", 3, 7, AFTER)), (18, 70), pain=5),
    Case("Mệt mỏi, hay chóng mặt", "Mệt 1 tháng nay, kinh nguyệt nhiều, ăn kém.",
         "Niêm nhạt, tim đều, bụng mềm.", "Thiếu máu do thiếu sắt.", "Ăn thịt đỏ, rau xanh. Công thức máu sau 1 tháng.",
         ("D50.9",), (Item("FERFOL", "1", 1, 30, ANY, "Không uống cùng trà, cà phê"), Item("VITC500", "1", 1, 30)),
         (16, 50), Sex.FEMALE),
    Case("Khám sức khỏe tổng quát", "Không than phiền gì đặc biệt.", "Khám toàn thân không phát hiện bất thường.",
         "Sức khỏe hiện ổn định.", "Duy trì vận động, khám lại sau 1 năm.", ("Z00.0",), (), (18, 90)),
    Case("Đau đầu khi căng thẳng", "Đau hai bên thái dương, kiểu bó chặt, không nôn, không sợ ánh sáng.",
         "Không dấu thần kinh khu trú, cổ mềm.", "Đau đầu do căng thẳng.", "Ngủ đủ giấc, hạn chế màn hình buổi tối.",
         ("G44.2",), (_PARA,), (16, 65), pain=4),
)  # fmt: skip
PAEDIATRICS = (
    Case("Sốt, sổ mũi 2 ngày", "Sốt 38–39 °C, sổ mũi trong, bú/ăn giảm nhẹ, chơi được.",
         "Tỉnh, họng đỏ nhẹ, phổi trong, không rút lõm.", "Nhiễm trùng hô hấp trên do virus.",
         "Uống nhiều nước, rửa mũi. Khám ngay nếu thở nhanh, bỏ bú hoặc li bì.", ("J06.9",), (_PARA_SMALL,), (1, 3),
         fever=True),
    Case("Tiêu chảy từ hôm qua", "Đi ngoài phân lỏng 5 lần/ngày, không máu, nôn 1 lần.",
         "Tỉnh, mắt không trũng, véo da mất nhanh, bụng mềm.", "Tiêu chảy cấp, không mất nước.",
         "Bù nước, tiếp tục ăn uống. Khám lại nếu có máu trong phân hoặc trẻ khát nhiều.", ("A09.0",),
         (Item("ORESOL", "1", 1, 3, ANY, "Pha 1 gói với đúng 1 lít nước, uống từng ngụm sau mỗi lần đi ngoài"),
          Item("ZINC20", "1", 1, 14)), (1, 6)),
    Case("Khám sức khỏe định kỳ cho trẻ", "Trẻ ăn ngủ tốt, tiêm chủng đúng lịch.",
         "Tim phổi bình thường, phát triển tâm vận phù hợp tuổi.", "Trẻ khỏe mạnh.", "Tiêm chủng theo lịch.",
         ("Z00.1",), (), (0, 6)),
    Case("Đau họng, sốt", "Sốt 3 ngày, nuốt đau, không ho.", "Họng đỏ, amiđan sưng có mủ trắng, hạch cổ nhỏ.",
         "Viêm họng cấp, nghĩ nhiều do liên cầu.", "Uống đủ liều kháng sinh. Khám lại sau 3 ngày.", ("J02.0",),
         (_PARA_CHILD, Item("AMOX250G", "1", 3, 10)), (4, 8), fever=True, pain=3),
    Case("Nổi bóng nước ở tay chân", "Sốt nhẹ, loét miệng, biếng ăn 2 ngày.",
         "Bóng nước lòng bàn tay, bàn chân; loét họng. Không giật mình, không run chi.", "Tay chân miệng độ 1.",
         "Chăm sóc tại nhà, cách ly 10 ngày. Khám ngay nếu giật mình, nôn nhiều.", ("B08.4",), (_PARA_SMALL,), (1, 3),
         fever=True),
    Case("Ho kéo dài về đêm", "Ho khan về đêm 1 tuần, không sốt.", "Phổi ran ngáy hai bên, không khó thở.",
         "Viêm phế quản cấp.", "Tránh khói thuốc, uống nước ấm.", ("J20.9",),
         (Item("ACETYL200", "1", 2, 5),), (6, 15)),
    Case("Ngứa, nổi mẩn sau ăn hải sản", "Nổi mẩn ngứa tay chân sau ăn tôm, không khó thở.",
         "Sẩn phù rải rác tay chân, phổi trong.", "Mày đay dị ứng.", "Tránh thức ăn nghi ngờ.", ("L50.0",),
         (Item("LORA10", "1", 1, 5),), (9, 15)),
)  # fmt: skip
OBSTETRICS = (
    Case("Khám thai định kỳ", "Thai 24 tuần, thai máy đều, không đau bụng, không ra huyết.",
         "Bề cao tử cung 23 cm, tim thai 148 lần/phút, không phù.", "Thai 24 tuần phát triển bình thường.",
         "Nghiệm pháp dung nạp glucose. Khám lại sau 4 tuần.", ("Z34.9",),
         (Item("FERFOL", "1", 1, 30), Item("CAD3", "1", 1, 30, AFTER, "Uống cách viên sắt ít nhất 2 giờ")),
         (18, 42), Sex.FEMALE),
    Case("Ngứa, khí hư bất thường", "Ngứa vùng kín 1 tuần, khí hư trắng đục.",
         "Âm đạo viêm đỏ, khí hư trắng vón, cổ tử cung trơn láng.", "Viêm âm đạo do nấm Candida.",
         "Mặc đồ thoáng, không thụt rửa. Khám lại sau 2 tuần.", ("B37.3",),
         (Item("CLOTRIDAT", "1", 1, 6, BEDTIME, "Đặt sâu trước khi ngủ"), Item("FLUCO150", "1", 1, 1)),
         (18, 50), Sex.FEMALE),
    Case("Đau bụng khi hành kinh", "Đau quặn hạ vị 1–2 ngày đầu chu kỳ, phải nghỉ học, nghỉ làm.",
         "Bụng mềm, phần phụ hai bên không đau.", "Thống kinh nguyên phát.", "Chườm ấm, vận động nhẹ.", ("N94.6",),
         (Item("IBU400", "1", 3, 3, AFTER), Item("DROTA40", "1", 2, 3)), (16, 35), Sex.FEMALE, pain=5),
    Case("Bốc hỏa, mất ngủ", "Bốc hỏa về đêm, mất ngủ, mất kinh 14 tháng.", "Khám phụ khoa bình thường.",
         "Hội chứng mãn kinh.", "Tập thể dục, bổ sung canxi. Tầm soát loãng xương.", ("N95.1",),
         (Item("CAD3", "1", 1, 30, AFTER),), (46, 60), Sex.FEMALE),
    Case("Theo dõi u xơ tử cung", "U xơ phát hiện 2 năm, kinh đều.", "Tử cung to bằng thai 8 tuần, di động.",
         "U xơ tử cung, kích thước ổn định.", "Siêu âm lại sau 6 tháng.", ("D25",), (), (35, 55), Sex.FEMALE),
    Case("Buồn nôn trong thai kỳ", "Thai 9 tuần, buồn nôn buổi sáng, vẫn ăn uống được.", "Không dấu mất nước.",
         "Nghén nhẹ.", "Chia nhỏ bữa ăn, ăn bánh khô trước khi dậy.", ("O21.0",), (), (18, 42), Sex.FEMALE),
)  # fmt: skip
SURGERY = (
    Case("Đau hạ sườn phải sau ăn", "Đau âm ỉ sau bữa ăn nhiều mỡ, không sốt, không vàng da.",
         "Bụng mềm, Murphy âm tính.", "Sỏi túi mật chưa biến chứng.", "Siêu âm bụng, hạn chế chất béo.", ("K80.2",),
         (Item("DROTA40", "1", 2, 5),), (30, 85), pain=4),
    Case("Trật cổ chân khi chơi thể thao", "Lật cổ chân hôm qua, đi được nhưng đau.",
         "Sưng nề mắt cá ngoài, không biến dạng. X-quang không gãy xương.", "Bong gân cổ chân độ 1.",
         "Băng thun, kê cao chân, chườm lạnh 48 giờ đầu.", ("S93.4",),
         (Item("DICLO50", "1", 2, 5, AFTER), Item("OMEP20", "1", 1, 5, BEFORE)), (16, 55), pain=6),
    Case("Áp xe da vùng lưng", "Khối sưng đau 4 ngày, sốt nhẹ.", "Khối 3 cm, nóng đỏ, phập phều.",
         "Áp xe da vùng lưng.", "Rạch dẫn lưu, thay băng mỗi ngày.", ("L02",),
         (Item("AMCL875", "1", 2, 7, AFTER), _PARA), fever=True, pain=6),
    Case("Đau khớp gối khi đi lại", "Đau gối phải 6 tháng, cứng khớp buổi sáng dưới 30 phút.",
         "Lạo xạo khớp gối, không tràn dịch.", "Thoái hóa khớp gối phải.", "Giảm cân, tập cơ tứ đầu đùi.", ("M17.9",),
         (Item("CELE200", "1", 1, 10, AFTER), Item("PARA500", "1", 2, 10, AFTER)), (48, 90), pain=5),
    Case("Đi cầu ra máu tươi", "Máu tươi thấm giấy, táo bón thường xuyên.", "Trĩ nội độ II, không tắc mạch.",
         "Trĩ nội độ II, táo bón.", "Ăn nhiều rau, uống 2 lít nước mỗi ngày.", ("K64", "K59.0"),
         (Item("LACTU", "1", 2, 10),), (20, 75)),
    Case("Đứt tay do dao", "Đứt ngón trỏ trái cách 2 giờ.", "Vết thương 2 cm, gân và cảm giác còn tốt.",
         "Vết thương phần mềm ngón trỏ trái.", "Khâu 3 mũi, tiêm phòng uốn ván, cắt chỉ sau 7 ngày.", ("S61.0",),
         (Item("CEPH500", "1", 3, 5), _PARA), (16, 80), pain=3),
    Case("Khối mềm dưới da vai", "Khối mềm 2 năm, lớn chậm, không đau.", "Khối 4 cm, mềm, di động.", "U mỡ vùng vai.",
         "Hẹn tiểu phẫu theo lịch.", ("D17",), (), (25, 75)),
)  # fmt: skip
CARDIOLOGY = (
    Case("Tái khám bệnh tim thiếu máu cục bộ", "Đặt stent 2 năm trước, không đau ngực khi gắng sức nhẹ.",
         "Tim đều, không âm thổi. Phổi trong.", "Bệnh tim thiếu máu cục bộ mạn, ổn định.",
         "Uống thuốc đều, không tự ngưng thuốc. Tái khám sau 1 tháng.", ("I25.9", "E78.0"),
         (Item("ASA81", "1", 1, 30, AFTER), Item("CLOPI75", "1", 1, 30, AFTER), Item("ATOR20", "1", 1, 30, BEDTIME),
          Item("BISO5", "0.5", 1, 30, ANY, "Uống buổi sáng")), (50, 95)),
    Case("Khó thở khi leo cầu thang", "Khó thở khi gắng sức 3 tháng, phù chân về chiều.",
         "Tim đều, ran ẩm đáy phổi, phù nhẹ mu chân.", "Suy tim NYHA II.",
         "Ăn nhạt, theo dõi cân nặng mỗi ngày. Siêu âm tim.", ("I50.9", "I10"),
         (Item("FURO40", "1", 1, 14, ANY, "Uống buổi sáng"), Item("SPIRO25", "1", 1, 30),
          Item("PERIN5", "1", 1, 30, BEFORE), Item("BISO5", "0.5", 1, 30)), (58, 95), high_pressure=True),
    Case("Hồi hộp, đánh trống ngực", "Hồi hộp từng cơn 2 tuần, không ngất.", "Tim đều 92 lần/phút, không âm thổi.",
         "Rối loạn nhịp tim, theo dõi ngoại tâm thu.", "Holter điện tim 24 giờ, giảm cà phê.", ("I49.9",),
         (Item("METOP25", "1", 1, 14),), (30, 85)),
    Case("Huyết áp cao khi đo ở nhà", "Huyết áp ở nhà 150–160/90 mmHg trong 2 tuần.", "Tim đều, mạch đều hai tay.",
         "Tăng huyết áp.", "Ghi huyết áp sáng và tối. Xét nghiệm chức năng thận.", ("I10",),
         (Item("TELMI40", "1", 1, 30), Item("AMLO5", "1", 1, 30)), (38, 90), high_pressure=True),
    Case("Đau ngực thoáng qua", "Đau nhói ngực trái vài giây, không liên quan gắng sức.",
         "Ấn đau khớp sụn sườn, điện tim bình thường.", "Đau ngực không do tim.",
         "Trấn an, khám lại nếu đau khi gắng sức.", ("R07.4",), (), (25, 70), pain=2),
)  # fmt: skip
ENT = (
    Case("Nghẹt mũi, đau nặng vùng mặt", "Chảy mũi đặc 10 ngày, nặng vùng má.",
         "Khe giữa hai bên có mủ, ấn đau xoang hàm.",
         "Viêm xoang cấp.", "Rửa mũi nước muối sinh lý ngày 2 lần.", ("J01.9",),
         (Item("AMCL875", "1", 2, 10, AFTER), _PARA), (16, 75), pain=4),
    Case("Hắt hơi, ngứa mũi buổi sáng", "Hắt hơi từng tràng, ngứa mũi quanh năm.",
         "Niêm mạc mũi nhợt, cuốn dưới phì đại.",
         "Viêm mũi dị ứng.", "Tránh bụi nhà, giặt chăn gối hằng tuần.", ("J30.4",),
         (Item("FEXO180", "1", 1, 14), Item("MONTE10", "1", 1, 14, BEDTIME)), (16, 65)),
    Case("Chóng mặt khi thay đổi tư thế", "Chóng mặt vài giây khi trở mình, không ù tai.",
         "Dix-Hallpike dương tính bên phải.",
         "Chóng mặt tư thế kịch phát lành tính.", "Nghiệm pháp Epley. Tránh xoay đầu đột ngột.", ("H81.1",),
         (Item("BETAH16", "1", 3, 7, AFTER),), (35, 85)),
    Case("Đau họng, nuốt vướng", "Đau họng 3 ngày, sốt 38,5 °C.", "Amiđan sưng đỏ, có mủ trắng.", "Viêm amiđan cấp.",
         "Súc họng nước muối ấm.", ("J03.9",), (Item("AMOX500", "1", 3, 10), _PARA), (16, 60), fever=True, pain=4),
    Case("Đau tai, nghe kém", "Đau tai trái sau cảm cúm.", "Màng nhĩ trái đỏ, phồng.", "Viêm tai giữa cấp bên trái.",
         "Giữ tai khô, khám lại sau 5 ngày.", ("H66.9",), (Item("CEFU500", "1", 2, 7, AFTER), _PARA), (16, 70),
         fever=True, pain=5),
    Case("Ù tai kéo dài", "Ù tai hai bên 3 tháng.", "Màng nhĩ hai bên bình thường.", "Ù tai, chưa rõ nguyên nhân.",
         "Đo thính lực.", ("H93.1",), (), (30, 85)),
)  # fmt: skip

CASES: dict[str, tuple[Case, ...]] = {
    "NOI": GENERAL,
    "NHI": PAEDIATRICS,
    "SAN": OBSTETRICS,
    "NGOAI": SURGERY,
    "TIM": CARDIOLOGY,
    "TMH": ENT,
}


def fitting_cases(department: str, age: int, sex: Sex) -> list[Case]:
    """Return what somebody of this age and sex may come to a department for."""
    return [
        case
        for case in CASES[department]
        if case.ages[0] <= age <= case.ages[1] and (case.sex is None or case.sex is sex)
    ]
