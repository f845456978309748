"""500 invented people for the sandbox: 470 take mail, 20 answer "later" first, 10 do not exist.

What happens is in the local part (`defer+4.7.0.07@…`, `bounce+5.1.1.03@…`), which the sandbox receiver reads. The
domains are those of known providers, so that a report looks like one; no mail to them leaves the sandbox route.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User, Workspace
from accounts.setup import NewWorkspace
from contacts.models import ConsentRecord, Contact, ContactChange, List, Subscription, Suppression

PLAIN, DEFERRED, BOUNCED = 470, 20, 10
SEED = 20261124
LIST_LABEL = "sample-people"

# Domain → how many of a hundred people have their mailbox there.
EN_DOMAINS = {"gmail.com": 52, "icloud.com": 16, "outlook.com": 14, "yahoo.com": 10, "hotmail.com": 5, "aol.com": 3}
JA_DOMAINS = {
    "gmail.com": 40,
    "icloud.com": 14,
    "docomo.ne.jp": 15,
    "yahoo.co.jp": 11,
    "ezweb.ne.jp": 8,
    "softbank.ne.jp": 7,
    "au.com": 3,
    "outlook.jp": 2,
}
EN_FIRST = (
    "Ada Amelia Amir Ana Ben Carlos Chloe Daniel Elena Emma Ethan Fatima Finn Grace Hannah Hugo Isla Ivan Jack Julia "
    "Kai Lara Lena Leo Liam Lucia Maria Mateo Maya Mia Nadia Noah Nora Oliver Omar Owen Priya Ruby Sam Sofia Theo Zoe"
)
EN_LAST = (
    "Adams Baker Bennett Brown Carter Clark Cohen Cooper Costa Davies Evans Fischer Foster Garcia Green Hall Harris "
    "Hughes Jansen Jones Kim Kowalski Larsen Lopez Martin Meyer Moore Murphy Novak Parker Patel Reed Rossi Ruiz Silva "
    "Singh Smith Taylor Turner Walker Weber Wilson Young"
)
JA_FIRST = (
    "花子:hanako 健:ken 優:yu 葵:aoi 陽菜:hina 蓮:ren 結衣:yui 大翔:hiroto 美咲:misaki 翔太:shota あかり:akari "
    "健太郎:kentaro さくら:sakura 拓也:takuya 直樹:naoki 真由美:mayumi 彩:aya 悠斗:yuto 莉子:riko 和也:kazuya "
    "恵:megumi 誠:makoto 千尋:chihiro 亮:ryo 由美子:yumiko 大輔:daisuke 綾香:ayaka 学:manabu 智子:tomoko "
    "隆:takashi ひかり:hikari 駿:shun 麻衣:mai 浩二:koji"
)
JA_LAST = (
    "山田:yamada 佐藤:sato 鈴木:suzuki 高橋:takahashi 田中:tanaka 伊藤:ito 渡辺:watanabe 中村:nakamura 小林:kobayashi "
    "加藤:kato 吉田:yoshida 佐々木:sasaki 山口:yamaguchi 松本:matsumoto 井上:inoue 木村:kimura 林:hayashi 清水:shimizu "
    "山崎:yamazaki 森:mori 池田:ikeda 橋本:hashimoto 阿部:abe 石川:ishikawa 小野寺:onodera 藤田:fujita 岡田:okada "
    "長谷川:hasegawa 村上:murakami 近藤:kondo 坂本:sakamoto 遠藤:endo 青木:aoki 藤井:fujii 西村:nishimura 福田:fukuda"
)
# A few people have no first name, as in every real list: their letters show the fallback.
NAMELESS = 0.03
TAGGED = 0.08


@dataclass(frozen=True)
class Person:
    """One invented person."""

    address: str
    first_name: str
    last_name: str
    language: str
    tags: tuple[str, ...]


def people(language: str) -> list[Person]:
    """The 500, the same on every install; three quarters speak the workspace's language."""
    chance = random.Random(SEED)
    made, taken = [], set[str]()
    kinds = [""] * PLAIN + ["defer+4.7.0"] * DEFERRED + ["bounce+5.1.1"] * BOUNCED
    chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        speaks = language if chance.random() < 0.75 else ("en" if language == "ja" else "ja")
        made.append(_person(chance, speaks, local=f"{kind}.{number:03}" if kind else "", taken=taken))
    return made


def _person(chance: random.Random, language: str, *, local: str, taken: set[str]) -> Person:
    japanese = language == "ja"
    first, first_latin = _split(chance.choice((JA_FIRST if japanese else EN_FIRST).split()))
    last, last_latin = _split(chance.choice((JA_LAST if japanese else EN_LAST).split()))
    domains = JA_DOMAINS if japanese else EN_DOMAINS
    (domain,) = chance.choices(list(domains), list(domains.values()))
    address = f"{local or _free(chance, first_latin, last_latin, domain, taken)}@{domain}"
    taken.add(address)
    if chance.random() < NAMELESS:
        first = ""
    return Person(address, first, last, language, ("VIP",) if chance.random() < TAGGED else ())


def _split(name: str) -> tuple[str, str]:
    shown, _colon, latin = name.partition(":")
    return shown, latin or shown.lower()


def _free(chance: random.Random, first: str, last: str, domain: str, taken: set[str]) -> str:
    """A local part that nobody at this domain has yet."""
    shapes = [f"{first}.{last}", f"{first[0]}.{last}", f"{first}{last[0]}", f"{last}.{first}"]
    for local in chance.sample(shapes, len(shapes)):
        if f"{local}@{domain}" not in taken:
            return local
    while f"{(local := f'{first}.{last}{chance.randrange(10, 100)}')}@{domain}" in taken:
        pass
    return local


def furnish(new: NewWorkspace) -> None:
    """A new workspace has them when its maker asked for sample data."""
    if new.sample_data:
        load(new.workspace, new.by)


@transaction.atomic
def load(workspace: Workspace, by: User | None = None) -> int:
    """Add the sample people and their list. Whoever is there already stays as they are; returns how many came."""
    with translation.override(workspace.language):
        sample_list = _list(workspace)
        statement = _("Invented by Shirase for the sandbox.")
    rows = [_contact(workspace, person) for person in people(workspace.language)]
    known = Contact.objects.of(workspace).filter(address_key__in=[row.address_key for row in rows])
    there = set(known.values_list("address_key", flat=True))
    made = Contact.objects.bulk_create(row for row in rows if row.address_key not in there)
    ContactChange.objects.bulk_create(ContactChange(contact=row, actor=by, source="sample", added=True) for row in made)
    Subscription.objects.bulk_create(Subscription(list=sample_list, contact=row, source="sample") for row in made)
    ConsentRecord.objects.bulk_create(
        ConsentRecord(
            contact=row, list=sample_list, action="subscribed", source="sample", actor=by, statement=statement
        )
        for row in made
    )
    return len(made)


def _list(workspace: Workspace) -> List:
    made, _new = List.objects.get_or_create(
        workspace=workspace, list_id_label=LIST_LABEL, defaults={"name": _("Sample people"), "sample": True}
    )
    return made


def _contact(workspace: Workspace, person: Person) -> Contact:
    return Contact(
        workspace=workspace,
        address=person.address,
        address_key=person.address,
        domain=person.address.rpartition("@")[2],
        first_name=person.first_name,
        last_name=person.last_name,
        language=person.language,
        tags=list(person.tags),
        sample=True,
    )


@transaction.atomic
def remove(workspace: Workspace) -> int:
    """Take the sample people away again, with their list and what stopped mail to them."""
    found = Contact.objects.of(workspace).filter(sample=True)
    Suppression.objects.of(workspace).filter(address_key__in=found.values("address_key")).delete()
    _all, by_model = found.delete()
    List.objects.of(workspace).filter(sample=True).delete()
    return by_model.get("contacts.Contact", 0)


def loaded(workspace: Workspace) -> bool:
    """Whether any of them is here."""
    return List.objects.of(workspace).filter(sample=True).exists()
