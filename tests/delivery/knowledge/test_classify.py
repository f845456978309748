"""Replies of the world and what they mean."""

from __future__ import annotations

import pytest

from delivery.knowledge import CAUSES, Action, Category, Scope, Verdict, classify, explain
from delivery.knowledge.lines import read_reply
from delivery.knowledge.vocabulary import SUPPRESSING
from delivery.smtp.replies import EnhancedStatus, Phase, Reply


def verdict_of(line: str, provider: str = "") -> Verdict:
    return classify(read_reply(line), provider=provider)


REPLIES = [
    # No such person, whoever says it and however.
    ("550 5.1.1 <a@b.example>: no such user", "", "no_such_user"),
    ("550 5.1.1 gibberish", "", "no_such_user"),
    (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\\n550 5.1.1 again",
        "",
        "no_such_user",
    ),
    ("550 No such user here", "", "no_such_user"),
    ("550 sorry, no mailbox here by that name (#5.1.1)", "", "no_such_user"),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "", "no_such_user"),
    ("550 5.4.1 Recipient address rejected: Access denied", "microsoft365", "no_such_user"),
    ("550 5.1.1 Unbekannter Empfaenger, user unknown", "gmx", "no_such_user"),
    ("551 5.1.6 User has moved; please try elsewhere", "", "recipient_moved"),
    # The text corrects a careless code.
    ("550 5.1.1 <a@b.example>: mailbox full", "", "mailbox_full"),
    ("552 1 Requested mail action aborted, mailbox not found", "yahoo", "no_such_user"),
    ("552 Too many recipients", "", "too_many_recipients"),
    ("552 5.2.2 The mailbox is full", "", "mailbox_full"),
    ("550 5.2.2 over quota", "", "mailbox_full"),
    ("550 5.2.1 The email account that you tried to reach is disabled", "gmail", "mailbox_disabled"),
    # The domain.
    ("550 5.1.2 Host unknown", "", "domain_not_found"),
    ("556 5.1.10 Domain does not accept mail", "", "domain_null_mx"),
    ("521 Server does not accept mail", "", "domain_null_mx"),
    ("521", "", "host_takes_no_mail"),
    # One number, several meanings.
    ("550 5.7.27 SPF did not pass", "gmail", "spf_failed"),
    ("550 5.7.27 refused - gsmtp", "", "spf_failed"),
    ("550 5.7.27 refused", "", "sender_domain_not_found"),
    ("550 5.7.29 refused", "gmail", "tls_required"),
    ("550 5.7.29 refused", "", "dkim_failed"),
    ("550 5.1.10 refused", "outlook", "no_such_user"),
    ("550 5.1.10 refused", "", "domain_null_mx"),
    # Whoever we are.
    ("550 5.7.26 This mail has been blocked because the sender is unauthenticated. gsmtp", "", "unauthenticated"),
    (
        "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
        "outlook",
        "bulk_rules_not_met",
    ),
    ("550 5.7.515 refused", "", "bulk_rules_not_met"),
    ("550 5.7.25 refused", "", "ptr_missing"),
    ("504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", "", "helo_refused"),
    ("554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "", "blocklist_spamhaus"),
    ("554 5.7.1 Client host [192.0.2.1] blocked using pbl.spamhaus.org", "", "blocklist_spamhaus_pbl"),
    ("554 5.7.1 blocked using zen.spamhaus.org: 127.255.255.254", "", "blocklist_query_refused"),
    ("554 5.7.1 blocked using bl.spamcop.net", "", "blocklist_spamcop"),
    ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", "", "ip_distrusted"),
    ("451 4.7.650 The mail server has been temporarily rate limited due to IP reputation (S775)", "", "ip_distrusted"),
    ("550 5.7.1 messages from [192.0.2.1] weren't sent ... on our block list (S3140)", "outlook", "ip_blocked"),
    ("535 5.7.8 Authentication credentials invalid", "", "login_refused"),
    ("530 5.7.0 Must issue a STARTTLS command first", "", "tls_required"),
    # What we send.
    ("550 5.7.1 This message is considered spam", "", "content_spam"),
    ("554 5.7.1 Virus found", "", "virus"),
    ("552 5.3.4 Message size exceeds fixed limit", "", "size"),
    ("554 5.7.1 URL listed in SURBL", "", "content_url"),
    # The moment.
    ("450 4.7.1 <a@b.example>: Recipient address rejected: Greylisted for 5 minutes", "", "greylisted"),
    ("421 4.7.28 Gmail has detected an unusual rate of mail", "gmail", "gmail_slowing"),
    ("421 4.7.0 Too many connections", "", "too_many_connections"),
    ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", "gmail", "receiving_too_fast"),
    ("421", "", "remote_busy"),
    ("554 5.4.6 Too many hops", "", "mail_loop"),
    ("250 2.0.0 OK", "", "accepted"),
    # Japan: the moment and the repeated address tell.
    ("550 Unknown user a@docomo.ne.jp (in reply to RCPT TO command)", "docomo", "no_such_user"),
    ("550 Unknown user a@docomo.ne.jp (in reply to end of DATA command)", "docomo", "recipient_refuses"),
    ("552 Too much mail data", "docomo", "mailbox_full"),
    ("550 <a@ezweb.ne.jp>: User unknown", "au", "no_such_user"),
    ("550 : User unknown", "au", "recipient_refuses"),
    ("550 Invalid recipient: <a@i.softbank.jp>", "softbank", "no_such_user"),
    ("553 example.com does not exist", "softbank", "sender_domain_not_found"),
    # Other languages than English.
    ("550 Destinatario sconosciuto", "", "no_such_user"),
    ("550 5.1.1 ce compte n'existe pas", "", "no_such_user"),
    ("550 Adressat unbekannt oder Mailbox deaktiviert", "", "mailbox_disabled"),
    ("552 Postfach ist voll", "", "mailbox_full"),
    ("550 宛先不明", "", "no_such_user"),
    ("550 メールボックスがいっぱいです", "", "mailbox_full"),
    ("550 5.7.1 受信拒否", "", "recipient_refuses"),
    ("550 5.1.1 用户不存在", "", "no_such_user"),
    # The same in other words.
    ("550 This mailbox does not exist", "", "no_such_user"),
    ("550 Alias not found", "", "no_such_user"),
    ("550 Recipient was not found", "", "no_such_user"),
    ("550 The mailbox has been archived", "", "mailbox_disabled"),
    ("550 account terminated", "", "mailbox_disabled"),
    ("550 This mailbox has been disabled due to inactivity", "", "mailbox_dormant"),
    # Whom a sentence is about.
    ("550 You have been blocked by the recipient", "", "sender_blocked_by_person"),
    ("550 The recipient does not accept mail from your address", "", "recipient_refuses"),
    ("554 Message contains a blacklisted URL", "", "content_url"),
    ("550 The domain name in the address does not exist", "", "domain_not_found"),
    ("550 Your account has been disabled", "", "own_account_blocked"),
    ("535 5.7.8 No such user", "", "login_refused"),
    ("450 4.4.2 You have exceeded your 24-hour sending limit of 500 recipients", "", "own_quota"),
    ("421 4.7.1 Client host blocked using grey.rbl.example, greylisting in action", "", "greylisted"),
    # An address taken at RCPT and refused after the message is not surely unknown.
    ("550 Unknown user (in reply to end of DATA command)", "", "mailbox_unavailable"),
    ("550 5.1.1 Unknown user (in reply to end of DATA command)", "", "no_such_user"),
    ("550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", "microsoft365", "size"),
    ("454 4.7.0 Temporary authentication failure", "", "remote_busy"),
    ("554 Message rejected: URL reputation", "", "content_url"),
    ("421 Maximum connections reached", "", "too_many_connections"),
    ("550 Only members may post to this list", "", "recipient_restricted"),
    # Nothing to go by.
    ("554 5.7.1 Delivery not authorized, message refused", "", "content_policy"),
    ("554 5.7.1", "", "unexplained_refusal"),
    ("550 5.7.1 Access denied", "", "unexplained_refusal"),
    ("599 ?", "", "unknown"),
    ("", "", "unknown"),
    ("¯\\_(ツ)_/¯", "", "unknown"),
]


@pytest.mark.parametrize(("line", "provider", "cause"), REPLIES)
def test_a_reply_means(line: str, provider: str, cause: str) -> None:
    assert verdict_of(line, provider).cause == cause


def test_no_such_user_is_suppressed_at_once() -> None:
    verdict = verdict_of("550 5.1.1 no such user")
    assert verdict.category is Category.INVALID_RECIPIENT
    assert (verdict.scope, verdict.action) == (Scope.RECIPIENT, Action.SUPPRESS_NOW)
    assert verdict.hard
    assert not verdict.retry


def test_a_full_mailbox_is_counted() -> None:
    verdict = verdict_of("552 5.2.2 mailbox full")
    assert (verdict.category, verdict.action) == (Category.MAILBOX_FULL, Action.SUPPRESS_AFTER_N)
    assert not verdict.hard


@pytest.mark.parametrize("line", ["554 5.7.1", "550 5.7.1 Access denied", "554 5.7.1 <a@b.example>: rejected", "550"])
def test_an_unexplained_refusal_is_unknown_and_suppresses_nobody(line: str) -> None:
    verdict = verdict_of(line)
    assert verdict.category is Category.UNKNOWN
    assert verdict.action is Action.IGNORE


@pytest.mark.parametrize(
    "line",
    [
        "550 5.7.1 Your server is not listed in our whitelist",
        "554 5.7.1 Sender domain doesn't have a DKIM record",
        "550 mail from invalid address",
        "553 5.1.8 invalid address",
        "550 5.1.7 Invalid address in MAIL FROM",
        "550 invalid address in From header",
        "550 unknown domain in MAIL FROM",
        "550 no such domain in your HELO",
        "550 5.7.1 <a@b.example>: Recipient address rejected: Access denied",
        "550 Recipient rejected",
        "550 The IP address is unknown",
        "554 This message to the user was rejected as spam",
        "550-Callback setup failed while verifying <news@example.org>\n550 unknown user",
        "550 Verification failed for <news@example.org>: unrouteable address",
        "550 Client host not found in DNS",
        "550 EHLO domain does not exist",
        "550 link domain does not exist",
        "550 5.7.1 user is not known to be allowed to send",
        "551 Mail from your domain is not accepted",
        "550 No such domain at this location",
        "501 5.5.4 Invalid domain name",
        "550 5.1.1 Mail rejected by policy",
    ],
)
def test_words_about_somebody_else_suppress_nobody(line: str) -> None:
    verdict = verdict_of(line)
    assert verdict.action not in SUPPRESSING
    assert not verdict.hard


@pytest.mark.parametrize(
    "line", ["450 4.1.1 user unknown", "450 5.1.1 user unknown", "452 4.2.2 mailbox full", "450 4.2.1 account disabled"]
)
def test_a_temporary_reply_suppresses_nobody(line: str) -> None:
    verdict = verdict_of(line)
    assert (verdict.action, verdict.retry, verdict.hard) == (Action.RETRY, True, False)


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.HELO, Phase.MAIL])
def test_nobody_is_suppressed_before_rcpt(phase: Phase) -> None:
    verdict = classify(Reply(550, "5.1.1 User unknown", EnhancedStatus(5, 1, 1), phase))
    assert verdict.action not in SUPPRESSING


def test_the_three_digits_decide_on_retry_and_the_words_on_the_reason() -> None:
    assert verdict_of("421 5.7.1 Client host blocked using zen.spamhaus.org").retry
    assert not verdict_of("554 4.7.1 Greylisted, try again").retry


def test_a_server_in_between_that_gave_up_is_not_tried_again() -> None:
    verdict = verdict_of("421 4.4.7 message expired")
    assert (verdict.category, verdict.retry, verdict.action) == (Category.EXPIRED, False, Action.IGNORE)


def test_a_reply_as_the_client_reads_it() -> None:
    text = "5.7.26 This mail has been blocked because\n5.7.26 the sender is unauthenticated. - gsmtp"
    assert classify(Reply(550, text, EnhancedStatus(5, 7, 26), Phase.DOT)).cause == "unauthenticated"


def test_phrases_that_run_over_two_lines_are_found() -> None:
    assert classify(Reply(550, "5.7.1 the mailbox is\n5.7.1 full", None, Phase.RCPT)).cause == "mailbox_full"


def test_an_address_is_no_verdict() -> None:
    line = "550 5.1.1 <spam.virus.spamhaus@dmarc.example>: Recipient address rejected: User unknown"
    assert verdict_of(line).cause == "no_such_user"


@pytest.mark.parametrize("provider", ["gmail", "google", "Google", "gmail.com", "alt1.gmail-smtp-in.l.google.com."])
def test_a_provider_goes_by_any_of_its_names(provider: str) -> None:
    assert verdict_of("550 5.7.27 refused", provider).cause == "spf_failed"


def test_an_unknown_provider_is_nobody() -> None:
    assert verdict_of("550 5.7.27 refused", "no such provider").cause == "sender_domain_not_found"


def test_an_unknown_cause_has_an_explanation_all_the_same() -> None:
    assert explain("no such cause", "ja") == CAUSES["unknown"].ja


ABOUT_US = [
    "550 5.1.1 reply: Sender mailbox does not exist",
    "550 5.1.2 we could not find sender domain",
    "550 5.5.0 mailbox unavailable because your domain has no MX",
    "550 Callout verification failed: sender unknown",
    "550 5.1.1 Sender unknown",
    "550 5.1.1 Unknown sender",
    "550 5.1.1 The sender's mailbox is unavailable",
    "550 5.1.1 Return address does not exist",
    "550 5.1.1 Your address does not exist",
    "550 5.1.1 Envelope sender <a@b.example> does not exist",
    "550 5.1.1 MAIL FROM address does not exist",
    "550 5.1.1 From address not found",
    "550 5.1.2 Your domain could not be found",
    "550 5.1.2 No MX record for your domain",
    "550 5.1.10 Your domain does not accept mail (null MX)",
    "550 5.2.1 Sender account is disabled",
    "550 5.2.1 Sender's mailbox disabled",
    "550 5.2.2 Sender mailbox is full",
    "552 The mailbox of the sender is over quota",
    "550 5.1.1 No such user: sender <a@b.example>",
    "550 5.1.1 could not verify sender mailbox",
    "550 5.1.1 invalid sender",
    "550 5.1.3 invalid sender address",
    "550 Your mailbox does not exist",
    "550 5.1.1 Sender does not exist here",
    "550 5.1.1 unable to verify sender: user unknown",
    "550 5.1.1 User unknown; sender verification failed",
    "550 5.4.4 sender domain has no MX or A record",
    "550 Sender domain not resolvable",
    "550 5.1.1 The reply-to address does not exist",
    "550 5.1.1 sender not found in our directory",
    "550 5.1.6 sender has moved",
    "550 Sender no longer exists",
    "550 5.1.1 送信者のメールアドレスが存在しません",
    "550 5.1.1 Absender unbekannt",
    "550 5.1.1 expéditeur inconnu",
    "550 5.1.1 發件人不存在",
    "550 5.1.1 发件人不存在",
    "550 5.1.1 remitente desconocido",
]


@pytest.mark.parametrize("provider", ["", "gmail", "microsoft365", "yahoo", "docomo", "softbank"])
def test_what_is_said_of_the_sender_never_speaks_against_the_recipient(provider: str) -> None:
    for line in ABOUT_US:
        verdict = verdict_of(line, provider)
        assert (verdict.cause, verdict.scope) == ("sender_domain_not_found", Scope.SENDING_DOMAIN), line
        assert verdict.action not in SUPPRESSING and not verdict.hard


@pytest.mark.parametrize(
    "line",
    [
        "550 5.1.1 <a@b.example>: no such user; sender is <x@y.example>",
        "550 5.1.1 Recipient unknown; please tell the sender that the address does not exist",
        "550 5.7.1 sender unknown to recipient, not whitelisted",
        "550 5.1.1 The address your sender used: user unknown",
        "550 5.2.1 mailbox disabled, return to sender",
        "550 5.1.1 unknown recipient, returned to sender",
    ],
)
def test_a_sender_in_passing_changes_nothing(line: str) -> None:
    assert verdict_of(line).action in SUPPRESSING
