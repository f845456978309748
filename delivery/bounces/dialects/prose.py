"""Free text of a program that nobody knows: an address beside a phrase of failure."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in, addresses_in, code_in, phrases, status_in
from delivery.bounces.dialects.blocks import RECIPIENTS, notice, told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_TO = r"[\"'“<\[(]{0,3}(?:mailto:|smtp:|SMTP:)?(?P<to>[^\s<>\"'()\[\]:;,=]{1,128}@[\w.-]{1,255})"
# Alone on its line, or behind words that say that it is about a recipient.
_ALONE = re.compile(rf"^[\s>*•·\-]{{0,12}}{_TO}[\"'”>\])]{{0,3}}[\s:.;,]{{0,8}}(?:[(\[](?P<said>[^\n]{{0,500}}))?$")
_LED = re.compile(
    rf"^[\s>*•·\-]{{0,12}}{_TO}[\"'”>\])]{{0,3}}\s{{0,4}}(?:[:;：]|\.\.\.|-{{1,3}}|=>|\t"
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
    r"|宛先|受信者|送信先|あて先|empf.{1,2}nger|destinataires?|destinat[aá]rios?|destinatari|адресат\w{0,4}"
    r"|получател\w{0,4}|收件人|收件者|받는 ?사람|수신자|mottagare|modtager\w{0,3}|mottaker\w{0,3}|vastaanottaj\w{1,6}"
    r"|adresat\w{0,3}|odbiorc\w{1,3}|příjemc\w{1,3}|címzett\w{0,5}|alıcı\w{0,5}|geadresseerden?)"
    r"(?:のメールアドレス|メールアドレス|アドレス|邮件地址|地址|e-?mail|adresse?)?"
    rf"\s{{0,3}}(?:is|was|were|\(s\)|\(es\))?\s{{0,3}}[:：;]?\s{{0,9}}[（「『【]?{_TO}",
    re.IGNORECASE,
)
_FAILED = phrases(
    "undeliver",
    "non-?deliver",
    "deliver(?:y|ed)? (?:has )?fail",
    "fail(?:ed|ure)? (?:notice|deliver)",
    "returned (?:mail|to sender)",
    "配信(?:不能|エラー|失敗|でき)",
    "エラーメール",
    "unzustellbar",
    "non remis",
    "не доставлено",
    "退信",
)
# "somebody@… 宛のメールを…": these languages say after the address what it is to them.
_BEFORE = re.compile(
    rf"(?:^|[\s<「『（(]){_TO}[\"'”>\])」』）]{{0,3}}\s{{0,2}}(?:宛|あて|へ|님|에게|에 대한)(?P<said>[^\n]{{0,500}})"
)
_FAILURE = phrases(
    "error (?:occurred |was encountered )?while (?:trying to )?deliver",
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
    "не (?:был[оа]? )?доставлен",
    "не может быть доставлено",
    "не удалось доставить",
    "退[信回]",
    "无法(?:送达|投递|发送)",
    "無法(?:送達|投遞|傳[送遞])",
    "(?:投递|发送|投遞|傳送)失[败敗]",
    "반송",
    "(?:발송|전송|전달|배달)(?:되지|하지 못| ?실패)",
    "non (?:è stato |è possibile )?(?:recapitat|consegnat)",
    "mancat[ao] (?:recapito|consegna)",
    "não (?:foi|p[oô]de ser) (?:entregue|enviad)",
    "(?:falha|erro) na entrega",
    "no (?:ha sido|pudo ser) (?:entregad|enviad)",
    "niet (?:worden )?(?:bezorgd|afgeleverd)",
    "(?:kunde|kan) (?:inte|ikke) (?:levereras|leveres)",
    "ei voi(?:tu|da)? toimittaa",
    "nie (?:został[ao]? |może zostać )?dostarczon",
    "nedoručen|nebyl[ao]? doručen",
    "teslim edilemedi",
    "nem (?:sikerült )?kézbesít",
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
    "退[信件回]",
    "반송",
    "(?:발송|전송|전달)(?:되지| ?실패)",
    "non (?:recapit|consegn)",
    "não entregue|falha na entrega|falha no envio",
    "onbestelbaar|niet bezorgd",
    "niedostarczon|niedoręczon|nedoručiteln",
    "teslim edilemedi",
)
_ARRIVED = phrases("(?:was|been) success?fully (?:delivered|relayed)", r"\bsuccess?ful(?:ly)? deliver")
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
    "联系|聯絡",
)
_NOBODY = re.compile(r"^(?:post_?master|mailer-?daemon|abuse|support|root|no-?reply|help-?desk)@")
_LATE = phrases(
    r"delay(?:ed)?\b",
    "still undelivered",
    "will be retried",
    "will (?:continue to|keep) try",
    "not yet been delivered",
    "retry for",
    "temporary problem delivering",
    "verzögert",
    "retardé",
    "retrasad",
    "遅延",
    "задержан",
)
LINE_LIMIT = 1000


def read(letter: Letter) -> list[Notice]:
    if not letter.named_as_a_program and not _SUBJECT.search(letter.subject):
        return []
    text = "\n".join(line[:LINE_LIMIT] for line in letter.text.split("\n")[:400])
    if _ARRIVED.search(text) or (letter.by_hand and not (code_in(text) or status_in(text))):
        return []
    if not _fails(letter, text):
        return []
    own = {*addresses_in(letter.get("to")), *addresses_in(letter.sender)}
    found = told((to, said) for to, said in _named(text) if to not in own and not _NOBODY.match(to))
    if not found:
        found = [notice(to, text) for to in _else_where(letter) or _only_one(letter, text, own) if to not in own]
    late = _LATE.search(text) and not re.search(r"permanent|giv(?:en|ing) up|expired", text, re.IGNORECASE)
    return [replace(each, action="delayed") if late and each.status[:1] != "5" else each for each in found]


def _fails(letter: Letter, text: str) -> bool:
    """Whether it speaks of a failure: in its text, or in its subject as nobody but a program does."""
    if _FAILURE.search(text) or (letter.named_as_a_program and _FAILED.search(letter.subject)):
        return True
    return bool(_SUBJECT.search(letter.subject) and (code_in(text) or status_in(text)))


def _only_one(letter: Letter, text: str, own: set[str]) -> list[str]:
    """The one address that a program's text has, wherever in its sentences it stands."""
    if not (letter.named_as_a_program and _SUBJECT.search(letter.subject)):
        return []
    lines = [line for line in text.split("\n")[:60] if not _ASIDE.search(line)]
    people = [to for to in addresses_in("\n".join(lines)[:8000]) if to not in own and not _NOBODY.match(to)]
    return people if len(people) == 1 else []


def _named(text: str) -> list[tuple[str, str]]:
    """Recipients with the words of their own line, else with the whole text."""
    lines = [line for line in text.split("\n") if not _ASIDE.search(line)]
    for shape in (_LED, _ALONE, _BEHIND, _AFTER, _BEFORE):
        matches = [(match, number) for number, line in enumerate(lines) if (match := shape.search(line))]
        if matches:
            return _apart(matches[: RECIPIENTS + 1], lines, text)
    return []


def _apart(matches: list[tuple[re.Match[str], int]], lines: list[str], text: str) -> list[tuple[str, str]]:
    """Each recipient with its own words: what is said of one of several is not said of the next."""
    people = [address_in(match["to"]) for match, _ in matches]
    ends = [number for _, number in matches[1:]] + [len(lines)]
    told: list[tuple[str, str]] = []
    for to, (match, number), end in zip(people, matches, ends, strict=True):
        below = text if len(set(people)) == 1 else "\n".join(lines[number + 1 : end])
        told.append((to, _words(match.groupdict().get("said") or lines[number], below)))
    return told


def _words(said: str, below: str) -> str:
    return said if code_in(said) or status_in(said) or len(said) > 400 else f"{said} {below}"


def _else_where(letter: Letter) -> list[str]:
    """X-Failed-Recipients, else the one to whom the returned message went."""
    return addresses_in(letter.get("x-failed-recipients")) or [to for to in (letter.returned_to,) if to]
