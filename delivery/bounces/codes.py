"""Finds reply codes, enhanced codes and addresses in what people and programs write."""

from __future__ import annotations

import re

from delivery.smtp.replies import EnhancedStatus

# "550", "#550", "(550)", "550-5.1.1", "said:550": not a piece of a number, a date, an IP address or a path; no count.
_CODE = re.compile(
    r"(?:(?<![\w.:/=+-])|(?<=[A-Za-z][:=]))#?([245][0-5]\d)"
    r"(?=[\s\-:,;)'\"\]]|\.(?!\d)|[/|.](?=[245]\.\d)|$)"
    r"(?! ?(?:[kKmMgG]?[bB]|m?s|bytes|octets|seconds|minutes|hours|messages|recipients|e?mails|users)\b)"
)
# "5.1.1", "(#5.1.1)", "550-5.1.1": no address, no version of a program.
_STATUS = re.compile(
    r"(?:(?<![\w.\-/:])|(?<=[ ('\":=][245]\d\d[-/|.])|(?<=^[245]\d\d[-/|.]))(?<!version )(?<![eE]xim )(?<!SMTPD )"
    r"#?([245])\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d)"
)
# Those that RFC 5321 and its kin define: other numbers of three digits are rarely reply codes.
_KNOWN = frozenset(
    {250, 251, 252, 421, 422, 430, 432, 450, 451, 452, 453, 454, 455, 458, 459, 500, 501, 502, 503, 504, 521}
    | {523, 524, 525, 530, 533, 534, 535, 538, 550, 551, 552, 553, 554, 555, 556}
)

# Looked for where a word begins, so that a long word costs its length once.
ADDRESS = re.compile(
    r'(?<![\w.+-])(?:"(?:[^"\\\n]|\\.){1,128}"|[^\s<>()@,;:"\[\]|：；（）「」『』【】《》＜＞、。，“”«»]{1,128})'
    r"@(?:[\w\-]{1,63}(?:\.[\w\-]{1,63}){0,9}|\[[\w.:]{3,60}\])"
)


def phrases(*alternatives: str) -> re.Pattern[str]:
    """A pattern that finds any of them, whatever the case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


def status_in(text: str, klass: str = "") -> str:
    """The first enhanced code in `text` of that class ("4", "5"; any without), or ""."""
    found = (match[0].lstrip("#") for match in _STATUS.finditer(text))
    return next((status for status in found if not klass or status[0] == klass), "")


def code_in(text: str, klass: str = "") -> int:
    """The first reply code in `text` of that class ("2", "4", "5"; of failure without), or 0."""
    found = (int(match[1]) for match in _CODE.finditer(text))
    return next((code for code in found if code in _KNOWN and str(code)[0] in (klass or "45")), 0)


# Chinese, Japanese and Korean sentences go on before and behind an address without a space.
_CJK = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_GLUED = re.compile(rf"^{_CJK}{{1,128}}(?=[!-~]{{1,64}}@)|(?<=[a-z]{{2}}){_CJK}{{1,63}}$")


def _bare(address: str) -> str:
    """In lower case, less the quote and the full stop of the sentence; Japanese carriers gave out ".a..b.@"."""
    return _GLUED.sub("", address.strip("'").rstrip(".").lower())


def address_in(text: str) -> str:
    """The first address in `text`, in lower case, or ""."""
    match = ADDRESS.search(text)
    return _bare(match[0]) if match else ""


def addresses_in(text: str) -> list[str]:
    """All addresses in `text`, in lower case, each once; at most 200."""
    found = (_bare(match[0]) for match, _ in zip(ADDRESS.finditer(text), range(200), strict=False))
    return list(dict.fromkeys(found))


def enhanced(status: str) -> EnhancedStatus | None:
    return EnhancedStatus.find(status)


_HOSTS = re.compile(
    r"(?:host|connected to|giving up on|while talking to|remote host|server|\bby) [<\"'(]?"
    r"((?:[\w-]{1,63}\.){1,9}[a-z][\w-]{1,62})(?=[\s\[\](),;:.>'\"]|$)",
    re.IGNORECASE,
)
_COMMANDS = (
    (
        "conn",
        re.compile(
            r"initial connection|greeting failed|refused to talk to me|not accepting connections", re.IGNORECASE
        ),
    ),
    (
        "helo",
        re.compile(
            r"(?:after|to|our|>>>|for) (?:sending )?(?:EHLO|HELO)\b|my name was rejected|\(state 13\)", re.IGNORECASE
        ),
    ),
    ("mail", re.compile(r"(?:after|to|our|>>>|for|\[)\s?MAIL[ _]?FROM|sender was rejected|\(MAIL", re.IGNORECASE)),
    (
        "rcpt",
        re.compile(
            r"(?:after|to|our|>>>|for|\[|following|SMTP:|command '|sent:|error,)\s?RCPT|does not like recipient"
            r"|\(state 14\)",
            re.IGNORECASE,
        ),
    ),
    (
        "dot",
        re.compile(
            r"end of (?:message )?data|final data|after i sent the message|message text|for TEXT command"
            r"|\(state 1[578]\)",
            re.IGNORECASE,
        ),
    ),
    ("data", re.compile(r"(?:after|to|our|>>>|for|on) DATA\b", re.IGNORECASE)),
)


def host_in(text: str) -> str:
    """The name of the server that a text says it spoke to, or ""."""
    match = _HOSTS.search(text)
    return match[1].lower() if match else ""


def command_in(text: str) -> str:
    """The SMTP command that was answered, as far as the text tells: "rcpt", or ""."""
    return next((command for command, words in _COMMANDS if words.search(text)), "")
