from .brakes import Brakes, Watch
from .content import Content, Link
from .domains import DkimKey, FromAddress, SendingDomain
from .log import Attempt, Event
from .mailing import Exclusion, Mailing, MailingRoute
from .message import Message, MessageException, MessageState
from .people_set import PeopleSet, PeopleSetMember
from .queue import Deferral, Lease, Run, Tally
from .routes import Bucket, Limit, Route, WarmUp
from .sandbox import SandboxMail
from .sites import Domain, Site, StsPolicy

__all__ = [
    "Attempt",
    "Brakes",
    "Bucket",
    "Content",
    "Deferral",
    "DkimKey",
    "Domain",
    "Event",
    "Exclusion",
    "FromAddress",
    "Lease",
    "Limit",
    "Link",
    "Mailing",
    "MailingRoute",
    "Message",
    "MessageException",
    "MessageState",
    "PeopleSet",
    "PeopleSetMember",
    "Route",
    "Run",
    "SandboxMail",
    "SendingDomain",
    "Site",
    "StsPolicy",
    "Tally",
    "WarmUp",
    "Watch",
]
