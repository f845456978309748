from __future__ import annotations

from django.apps import apps
from django.db.models import Model

LAYERS = ("accounts", "contacts", "delivery", "campaigns", "analytics")


def test_foreign_keys_point_only_to_the_left() -> None:
    """accounts ← contacts ← delivery ← campaigns ← analytics: an app knows only what stands left of it."""
    wrong = []
    for model in apps.get_models():
        if model._meta.app_label not in LAYERS:
            continue
        for field in model._meta.get_fields():
            target = field.related_model if field.is_relation and not field.auto_created else None
            if isinstance(target, type) and issubclass(target, Model) and points_right(model, target):
                wrong.append(f"{model.__name__}.{field.name} → {target.__name__}")
    assert wrong == []


def points_right(model: type[Model], target: type[Model]) -> bool:
    label = target._meta.app_label
    return label in LAYERS and LAYERS.index(label) > LAYERS.index(model._meta.app_label)
