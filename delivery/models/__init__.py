from .brakes import Brakes, Refusals, Watch
from .content import Content, Link
from .dmarc import DmarcReport, DmarcSource
from .domains import DkimKey, FromAddress, SendingDomain
from .incoming import AddressFailure, IncomingReport, Inlet
from .inlets import ListenerSeen, ReportWebhook, ReturnMailbox
from .log import Attempt, Event
from .mailing import Exclusion, Mailing, MailingRoute
from .message import Message, MessageException, MessageState
from .people_set import PeopleSet, PeopleSetMember
from .queue import Deferral, Lease, Run, Tally
from .routes import Bucket, Limit, Route, WarmUp
from .sandbox import SandboxMail
from .sites import Domain, Site, StsPolicy

__all__ = [
    "AddressFailure",
    "Attempt",
    "Brakes",
    "Bucket",
    "Content",
    "Deferral",
    "DkimKey",
    "DmarcReport",
    "DmarcSource",
    "Domain",
    "Event",
    "Exclusion",
    "FromAddress",
    "IncomingReport",
    "Inlet",
    "Lease",
    "Limit",
    "Link",
    "ListenerSeen",
    "Mailing",
    "MailingRoute",
    "Message",
    "MessageException",
    "MessageState",
    "PeopleSet",
    "PeopleSetMember",
    "Refusals",
    "ReportWebhook",
    "ReturnMailbox",
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
