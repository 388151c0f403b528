"""The SMTP channel says truly what became of a mail: sent, not sent, or nobody knows."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from app.domain.messages.channels import Letter, Smtp
from app.domain.messages.models import MessageState
from tests.integration.messages.conftest import SmtpServer


def letter(**facts: str) -> Letter:
    return Letter(
        **{
            "key": "reminder:1",
            "hospital": "alpha",
            "recipient": "an@example.vn",
            "subject": "Nhắc lịch khám: 08:30 ngày 12/12/2026",
            "body": "Kính gửi Nguyễn Văn An,\n.một dòng bắt đầu bằng dấu chấm\n",
            **facts,
        }
    )


class Committed:
    """Counts how often the point of no return was passed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def committed() -> Committed:
    return Committed()


def test_a_mail_arrives_whole_and_says_who_sent_it(smtp_server: SmtpServer, committed: Committed) -> None:
    outcome = smtp_server.channel().send(letter(), committed)
    (mail,) = smtp_server.sink.accepted
    assert outcome.state is MessageState.SENT
    assert outcome.provider_id == mail["Message-ID"]
    assert (mail["From"], mail["To"]) == ("Vien <no-reply@vien.example>", "an@example.vn")
    assert mail["Subject"] == "Nhắc lịch khám: 08:30 ngày 12/12/2026"
    assert mail.get_content().splitlines() == ["Kính gửi Nguyễn Văn An,", ".một dòng bắt đầu bằng dấu chấm"]
    assert committed.times == 1


def test_the_same_key_has_the_same_message_id_and_another_hospital_another(
    smtp_server: SmtpServer, committed: Committed
) -> None:
    for one in (letter(), letter(subject="x"), letter(hospital="beta")):
        smtp_server.channel().send(one, committed)
    first, again, other = (mail["Message-ID"] for mail in smtp_server.sink.accepted)
    assert first == again != other


@pytest.mark.parametrize(
    "address", ["an@example.vn\r\nBcc: all@example.vn", "an@example.vn\n", "an", "", "an@b\0.vn", "ân@example.vn"]
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(
    smtp_server: SmtpServer, committed: Committed, address: str
) -> None:
    outcome = smtp_server.channel().send(letter(recipient=address), committed)
    assert outcome.state is MessageState.FAILED
    assert (smtp_server.sink.seen, committed.times) == (0, 0)


def test_a_subject_with_a_line_break_is_refused(smtp_server: SmtpServer, committed: Committed) -> None:
    outcome = smtp_server.channel().send(letter(subject="Hello\r\nBcc: all@example.vn"), committed)
    assert outcome.state is MessageState.FAILED
    assert smtp_server.sink.seen == 0


@pytest.mark.parametrize(
    ("answer", "state"), [("450 later", MessageState.QUEUED), ("550 no such user", MessageState.FAILED)]
)
def test_a_recipient_refused_for_now_is_tried_again_and_one_refused_for_ever_is_not(
    smtp_server: SmtpServer, committed: Committed, answer: str, state: MessageState
) -> None:
    smtp_server.sink.rcpt_answer = answer
    outcome = smtp_server.channel().send(letter(), committed)
    assert outcome.state is state
    assert outcome.error == f"recipient refused: {answer[:3]}"
    assert (committed.times, smtp_server.sink.seen) == (0, 0)


def test_a_server_that_refuses_us_is_tried_again(smtp_server: SmtpServer, committed: Committed) -> None:
    refused = Smtp(smtp_server.url.replace("//", "//user:wrong@"), "a@b.vn").send(letter(), committed)
    assert (refused.state, committed.times) == (MessageState.QUEUED, 0)


def test_a_domain_in_vietnamese_letters_is_sent_to_in_its_ascii_form(
    smtp_server: SmtpServer, committed: Committed
) -> None:
    assert smtp_server.channel().send(letter(recipient="an@bệnhviện.vn"), committed).state is MessageState.SENT
    assert smtp_server.sink.accepted[0]["To"] == "an@xn--bnhvin-ik8be.vn"


def test_content_that_is_refused_was_not_sent(smtp_server: SmtpServer, committed: Committed) -> None:
    smtp_server.sink.data_answer = "554 no"
    assert smtp_server.channel().send(letter(), committed).state is MessageState.FAILED


def test_a_server_that_accepts_and_then_hangs_leaves_the_outcome_unknown(
    smtp_server: SmtpServer, committed: Committed
) -> None:
    smtp_server.sink.hang_before_answering = 60
    outcome = smtp_server.channel(timeout=5).send(letter(), committed)
    assert outcome.state is MessageState.UNKNOWN
    assert committed.times == 1
    smtp_server.sink.hang_before_answering = 0


def test_a_server_that_accepts_and_then_hangs_up_leaves_the_outcome_unknown(
    smtp_server: SmtpServer, committed: Committed
) -> None:
    smtp_server.sink.hang_up_after_accepting = True
    assert smtp_server.channel().send(letter(), committed).state is MessageState.UNKNOWN


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(listener.accept()[0]), daemon=True)
        thread.start()
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(2)
        for one in taken:
            one.close()


def test_a_server_that_is_silent_or_away_is_tried_again(silent_server: str, committed: Committed) -> None:
    assert Smtp(silent_server, "a@b.vn", timeout=0.3).send(letter(), committed).state is MessageState.QUEUED
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert Smtp(f"smtp://127.0.0.1:{port}", "a@b.vn").send(letter(), committed).state is MessageState.QUEUED
    assert committed.times == 0
