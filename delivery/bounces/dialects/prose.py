"""Free text of a program that nobody knows: an address beside a phrase of failure."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in, addresses_in, code_in, phrases, status_in
from delivery.bounces.dialects.blocks import notice, told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_TO = r"[\"'“<\[(]{0,3}(?:mailto:)?(?P<to>[^\s<>\"'()\[\]:;,=]{1,128}@[\w.-]{1,255})"
# Alone on its line, or behind words that say that it is about a recipient.
_ALONE = re.compile(rf"^[\s>*•·\-]{{0,12}}{_TO}[\"'”>\])]{{0,3}}[\s:.;,]{{0,8}}(?:[(\[](?P<said>[^\n]{{0,500}}))?$")
_LED = re.compile(
    rf"^[\s>*•·\-]{{0,12}}{_TO}[\"'”>\])]{{0,3}}\s{{0,4}}(?::|\.\.\.|-{{1,3}}|=>|\t"
    rf"| {{2,}})\s{{0,4}}(?P<said>\S[^\n]{{0,900}})$"
)
# "User mailbox exceeds allowed size: somebody@…"
_AFTER = re.compile(rf"^\s{{0,12}}[^\s:@][^\n:@]{{5,120}}:\s{{1,8}}[<\"']?{_TO}[>\"']?\s{{0,8}}$")
_BEHIND = re.compile(
    r"(?:recipients?|address(?:e[sd])?(?: to)?|delivered to|deliver(?:y)? (?:the message |your message "
    r"|this message )?to"
    r"|delivery failed|(?:message|mail) to|not reach the following recipient|error-for|failed recipient"
    r"|intended recipient"
    r"|mailbox(?: is)?(?: full)?|unknown user|user unknown|no such user|invalid (?:user|recipient|address)|rcpt to"
    r"|undeliverable(?: to| address)?|generated from|you sent mail to|user's mailbox is full|user|account"
    r"|rejected|failed"
    r"|宛先|受信者|送信先|あて先|empf.{1,2}nger|destinataire|destinatario|адресат\w{0,4}|получател\w{0,4})"
    rf"\s{{0,3}}(?:is|was|were|\(s\)|\(es\))?\s{{0,3}}[:：;]?\s{{0,9}}{_TO}",
    re.IGNORECASE,
)
_FAILURE = phrases(
    "undeliver",
    "non-?deliver",
    "not (?:be )?(?:been )?deliver",
    "n't (?:be )?deliver",
    "deliver(?:y|ed)? (?:has )?(?:fail|error|problem)",
    "fail(?:ed|ure)? (?:to )?deliver",
    "unable to (?:deliver|send)",
    "could ?n[o']t (?:be )?(?:sen[dt]|reach|deliver)",
    "(?:not|n't) (?:be )?(?:reach|accepted)",
    "did not reach",
    "returned mail",
    "returned to sender",
    "user unknown",
    "unknown user",
    "no such (?:user|recipient|mailbox|address|person)",
    "does(?: not|n't) exist",
    "mailbox (?:is )?(?:full|unavailable|not found)",
    "recipients? (?:has |have )?failed",
    "failed permanently",
    "(?:is|been) (?:disabled|suspended|closed)",
    "exceeds (?:its |the )?(?:allowed|max)",
    "is full",
    "quota",
    "over its limit",
    r"delay(?:ed)?\b",
    "still undelivered",
    "permanent(?:ly)? (?:error|fail|fatal)",
    "rejected",
    "配信(?:でき|され|に失敗|不能)",
    "送信でき",
    "届けられ",
    "届きません",
    "エラー",
    "unzustellbar",
    "nicht zugestellt",
    "non remis",
    "n'a pas pu",
    "no (?:se ha|pudo|fue) (?:podido )?entrega",
    "не доставлен",
    "не может быть доставлено",
)
_SUBJECT = phrases(
    "undeliver",
    "non-?deliver",
    "deliver(?:y|ed)? (?:has )?(?:fail|status|notif|report|error|problem|delay)",
    "fail(?:ed|ure)? (?:notice|deliver)",
    "mail (?:error|failure|system error|delivery)",
    "returned mail",
    "returned to sender",
    "bounce",
    "delayed",
    "rejected",
    "delivery",
    "配信(?:不能|エラー|失敗|でき)",
    "不達",
    "送信エラー",
    "エラーメール",
    "unzustellbar",
    "non remis",
    "не доставлено",
)
_ASIDE = phrases(
    r"^\s{0,8}(?:from|to|sender|reply-to|subject|date|cc|return-path|message-id|x-[\w-]{1,40}|mail from)\s{0,8}:",
    "contact",
    "further assistance",
    "for help",
    "more information",
    "please (?:forward|e-?mail|send|write)",
    "support@",
    "abuse@",
    "問い合わせ",
)
_NOBODY = re.compile(r"^(?:post_?master|mailer-?daemon|abuse|support|root|no-?reply|help-?desk)@")
_LATE = phrases(
    r"delay(?:ed)?\b",
    "still undelivered",
    "will be retried",
    "will (?:continue to|keep) try",
    "not yet been delivered",
    "retry for",
)
LINE_LIMIT = 1000


def read(letter: Letter) -> list[Notice]:
    if not letter.named_as_a_program and not _SUBJECT.search(letter.subject):
        return []
    text = "\n".join(line[:LINE_LIMIT] for line in letter.text.split("\n")[:400])
    if not (_FAILURE.search(text) or (_SUBJECT.search(letter.subject) and (code_in(text) or status_in(text)))):
        return []
    own = {*addresses_in(letter.get("to")), *addresses_in(letter.sender)}
    found = told((to, said) for to, said in _named(text) if to not in own and not _NOBODY.match(to))
    if not found:
        found = [notice(to, text) for to in _else_where(letter) if to not in own]
    late = _LATE.search(text) and not re.search(r"permanent|giv(?:en|ing) up|expired", text, re.IGNORECASE)
    return [replace(each, action="delayed") if late and each.status[:1] != "5" else each for each in found]


def _named(text: str) -> list[tuple[str, str]]:
    """Recipients with the words of their own line, else with the whole text."""
    lines = [line for line in text.split("\n") if not _ASIDE.search(line)]
    for shape in (_LED, _ALONE, _BEHIND, _AFTER):
        matches = [(match, line) for line in lines if (match := shape.search(line))]
        if matches:
            return [(address_in(match["to"]), _words(match, line, text)) for match, line in matches[:200]]
    return []


def _words(match: re.Match[str], line: str, text: str) -> str:
    said = match.groupdict().get("said") or line
    return said if code_in(said) or status_in(said) or len(said) > 400 else f"{said} {text}"


def _else_where(letter: Letter) -> list[str]:
    """X-Failed-Recipients, else the one to whom the returned message went."""
    return addresses_in(letter.get("x-failed-recipients")) or [to for to in (letter.returned_to,) if to]
