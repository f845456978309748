from .alerts import Alert, AlertMail
from .health import HealthHour, HealthWait
from .rollups import Fold, MailingDeed, MailingLink, MailingMinute, MailingOutcome

__all__ = [
    "Alert",
    "AlertMail",
    "Fold",
    "HealthHour",
    "HealthWait",
    "MailingDeed",
    "MailingLink",
    "MailingMinute",
    "MailingOutcome",
]
