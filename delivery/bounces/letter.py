"""A mail that came back, laid out for its readers: who wrote it, what it says, what it returns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.bounces import mime
from delivery.bounces.codes import addresses_in

STATUSES = frozenset({"message/delivery-status", "message/global-delivery-status", "text/delivery-status"})
FEEDBACK = frozenset({"message/feedback-report"})
_WHOLE = frozenset({"message/rfc822", "message/global"})
_HEADS = ("text/rfc822-header", "message/rfc822-header", "message/global-header", "text/rfc822")
REPORT_LINES = 2000  # lines of what it says that are looked at, and characters
REPORT_LIMIT = 64 << 10

# The line behind which programs put the message that they return.
_RETURNED = re.compile(
    r"(?im)^[ \t>|]{0,8}[-=_*+#| ]{0,80}"
    r"(?:below (?:this line )?is a copy of (?:the|your) (?:original )?message|enclosed is a copy of the message"
    r"|this is a copy of (?:the|your) message|included is a copy of the message|here is a copy of the first part"
    r"|a copy of the original message below this line|attachment is a copy of the message"
    r"|(?:begin )?original message(?: headers?)?(?: follows?)?(?=[ :.-]*$)|original message follows"
    r"|message headers? follows?|message text follows|unsent message (?:follows|below)|returned message(?=[ :-]*$)"
    r"|the header of the original message is following|no message was collected|original mail (?:info|as follows)"
    r"|the attachment contains the original mail headers|the first \d{1,5} lines|your message reads"
    r"|message contains \d{1,5} file attachments|original message headers|message hops|oorspronkelijke berichtkoppen"
    r"|cabe.{1,3}alhos originais da mensagem|en-t.{1,3}tes de message d'origine"
    r"|urspr.{1,3}ngliche nachrichtenkopfzeilen"
    r"|encabezados de mensajes? originale?s?|the non-delivered message is attached|元のメッセージ ?ヘッダー?"
    r"|content-type: (?:message/rfc822|text/rfc822-headers?))[^\n]{0,200}$"
    r"|^\+{40,}$"
)
_DASHED = re.compile(r"\A\s{0,9}(?:-{4,10} [^\n]{0,200}\n){1,4}")
_HEAD_LINE = re.compile(
    r"(?im)^(?:return-path|received|delivered-to|x-received|dkim-signature): ?\S[^\n]{0,999}\n(?=[\w\t ])"
)

_ROBOT = re.compile(
    r"(?:^|[<\"' (])(?:mailer-?daemon|mail-?daemon|mdaemon|post_?-?master|postmast|sysadmin"
    r"|mail[._ -]?delivery[\w.-]{0,20}"
    r"|bounces?|mailerdaemon|maildaemon|mail-?system)(?:@|$|>)"
    r"|no-?reply@[\w.-]{0,60}(?:dion\.ne\.jp|auone-net\.jp)|microsoftexchange[0-9a-f]{16}"
    r"|mail(?:er)? deliver|mailer[ -]daemon|delivery (?:sub)?system|delivery agent|system administrator|mail system"
    r"|mail administrator|mail server at|internet mail delivery",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"mailer-?daemon|mail-?daemon|mail[ -]delivery|microsoftexchange", re.IGNORECASE)
_FORWARD = re.compile(
    r"\s{0,9}\[?(?:fwd?|wg|tr|rv|vs|i|enc|doorst|pd|vb|fs|ilt|yn[ti]|továbbítás|转发|轉寄|轉發|転送|전달)\s?[:：]",
    re.IGNORECASE,
)
_REPLY = re.compile(r"\s{0,9}(?:re|aw|sv|antw|odp|res|ref|回复|答复|回覆|返信|회신)\s?[:：]", re.IGNORECASE)
_LIST_FIELDS = frozenset({"list-id", "list-unsubscribe", "list-post", "x-mailing-list"})


@dataclass(frozen=True)
class Letter:
    """`said` is its text, `text` the part of it before what it returns, `returned` the heads of what it returns."""

    message: mime.Entity
    said: str
    text: str
    returned: tuple[str, ...]
    statuses: tuple[str, ...]
    feedback: tuple[str, ...]

    def get(self, name: str) -> str:
        return self.message.get(name)

    @property
    def sender(self) -> str:
        return self.get("from")

    @property
    def subject(self) -> str:
        return self.get("subject")

    @property
    def received(self) -> str:
        return "\n".join(self.message.all("received"))

    @property
    def returned_to(self) -> str:
        """The one address in To of what it returns; "" where there is none, or more than one."""
        heads = (mime.head(text) for text in self.returned)
        to = next((value for head in heads for name, value in head if name == "to"), "")
        found = addresses_in(mime.words(to))
        return found[0] if len(found) == 1 else ""

    @property
    def by_a_person(self) -> bool:
        """Whether somebody passed it on to us, or answers us: programs do so without a return path."""
        path = self.get("return-path").strip(" <>")
        return bool(_FORWARD.match(self.subject)) or bool(
            path and not _ROBOT.search(path) and _REPLY.match(self.subject)
        )

    @property
    def named_as_a_program(self) -> bool:
        return bool(_ROBOT.search(self.sender)) or self.sender.strip() in ("", "<>")

    @property
    def by_hand(self) -> bool:
        """Whether a person may have written it who shares a name with programs (postmaster, a delivery service)."""
        path = self.get("return-path").strip()
        automatic = self.get("auto-submitted").lower().startswith("auto-")
        return path not in ("", "<>") and not automatic and not self.returned and not _DAEMON.search(self.sender + path)

    @property
    def by_a_program(self) -> bool:
        """Whether a mail system wrote it, as far as its head tells. Forwards by people and lists are not."""
        names = {name for name, _ in self.message.fields}
        if self.by_a_person or names & _LIST_FIELDS:
            return False
        return bool(
            self.named_as_a_program
            or self.get("return-path").strip() == "<>"
            or "x-failed-recipients" in names
            or ("x-mlserver" in names and "-admin@" in self.sender)  # fml refuses a letter to a list
        )


def lay_out(message: mime.Entity) -> Letter:
    """The parts of a message by their roles."""
    plain: list[str] = []
    marked_up: list[str] = []
    returned: list[str] = []
    statuses: list[str] = []
    feedback: list[str] = []
    for leaf in message.leaves():
        if leaf.type in STATUSES:
            statuses.append(leaf.text)
        elif leaf.type in FEEDBACK:
            feedback.append(leaf.text)
        elif leaf.type in _WHOLE or leaf.type.startswith(_HEADS):
            returned.append(_top(leaf.text))
        elif leaf.type == "text/html":
            marked_up.append(leaf.text)
        elif not leaf.type.startswith(("image/", "application/", "audio/", "video/", "font/", "message/")):
            plain.append(leaf.text)
    said = "\n".join(plain).strip("\n ") or mime.plain("\n".join(marked_up)).strip("\n ")
    text, inline = split(said)
    if inline:
        returned.append(inline)
    return Letter(message, said, text, tuple(returned), tuple(statuses), tuple(feedback))


def split(said: str) -> tuple[str, str]:
    """What a report says, and the head of the message that it returns in the same text ("" where it does not)."""
    marks = [match for match in (_RETURNED.search(said), _HEAD_LINE.search(said)) if match]
    if not marks:
        return _cut(said), ""
    first = min(marks, key=lambda match: match.start())
    after = said[first.start() :] if first.re is _HEAD_LINE else said[first.end() :]
    return _cut(said[: first.start()]), _top(after)


def _cut(text: str) -> str:
    return "\n".join(text[:REPORT_LIMIT].split("\n", REPORT_LINES)[:REPORT_LINES])


def _top(text: str) -> str:
    """The header block at the start of a text. Exim says first, between dashes, how much of a body it left out."""
    text = _DASHED.sub("", text[: mime.HEAD_LIMIT], count=1).lstrip("\n \t")
    return text.partition("\n\n")[0]
