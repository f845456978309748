"""The dialogue on the message page is told again from the milestones."""

from __future__ import annotations

import json

from delivery.smtp.replies import Phase
from delivery.smtp.transcript import Line, Milestone, Transcript, dialogue
from tests.servers.fixtures import StartReceiver

from .drive import deliver


def test_the_dialogue_of_a_refused_message_is_told_line_by_line(receivers: StartReceiver) -> None:
    server = receivers(rcpt={"gone": "550-5.1.1 The account does not exist.\r\n550 5.1.1 See our help page"})
    told = deliver(server, "a@example.net", "gone@example.net", ehlo_name="send.example.jp")
    kept = json.dumps(told.transcripts[2].as_json())
    assert len(kept) < 600
    lines = dialogue("b-2@bounce.example.jp", "gone@example.net", Transcript.from_json(json.loads(kept)))
    assert [(line.who, line.text) for line in lines] == [
        ("", f"127.0.0.1:{server.port} [127.0.0.1]"),
        ("C", "MAIL FROM:<b-2@bounce.example.jp>"),
        ("S", "250 2.1.0 OK"),
        ("C", "RCPT TO:<gone@example.net>"),
        ("S", "550-5.1.1 The account does not exist."),
        ("S", "550 5.1.1 See our help page"),
        ("C", "DATA"),
        ("S", "554 5.5.1 No valid recipients"),
    ]
    seconds = [line.seconds for line in lines if line.seconds is not None]
    assert seconds == sorted(seconds)


def test_the_end_of_a_delivered_message_has_its_dot() -> None:
    transcript = Transcript(
        "mx.example.net", "192.0.2.1", 25, "TLSv1.3 X", "send.example.jp", 7, 15000,
        (Milestone(0.3, Phase.DATA, "354 go"), Milestone(1.5, Phase.DOT, "250 ok")),
    )  # fmt: skip
    assert dialogue("a@b.jp", "c@d.jp", transcript)[-3:] == [
        Line(0.3, "C", "(15000 octets)"),
        Line(0.3, "C", "."),
        Line(1.5, "S", "250 ok"),
    ]


def test_a_connection_that_broke_says_so_in_the_end(receivers: StartReceiver) -> None:
    told = deliver(receivers(dot={".*": "DROP"}), "a@example.net")
    transcript = told.transcripts[1]
    assert [m.phase for m in transcript.milestones] == [Phase.MAIL, Phase.RCPT, Phase.DATA]
    assert transcript.octets > 0


def test_of_a_delivered_message_only_the_connection_and_the_final_reply_are_kept() -> None:
    kept = Transcript("mx.example.net", "192.0.2.1", 25, "TLSv1.3 X", "send.example.jp").as_json()
    assert "said" not in kept
    lines = dialogue("a@b.jp", "c@d.jp", Transcript.from_json(kept), "250 2.0.0 Ok: queued")
    assert [(line.who, line.text) for line in lines] == [
        ("", "mx.example.net:25 [192.0.2.1]"),
        ("", "TLSv1.3 X"),
        ("C", "MAIL FROM:<a@b.jp>"),
        ("C", "RCPT TO:<c@d.jp>"),
        ("C", "DATA"),
        ("C", "."),
        ("S", "250 2.0.0 Ok: queued"),
    ]
    brief = dialogue("a@b.jp", "c@d.jp", Transcript.from_json({"host": "mx.example.net"}), "250 Ok")
    assert brief[0].text == "mx.example.net"
