from .rollups import Fold, MailingDeed, MailingLink, MailingMinute, MailingOutcome

__all__ = ["Fold", "MailingDeed", "MailingLink", "MailingMinute", "MailingOutcome"]
