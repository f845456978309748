from .health import HealthHour, HealthWait
from .rollups import Fold, MailingDeed, MailingLink, MailingMinute, MailingOutcome

__all__ = ["Fold", "HealthHour", "HealthWait", "MailingDeed", "MailingLink", "MailingMinute", "MailingOutcome"]
