"""What is served at the own host of a sending domain: the pages of whoever reads its mail, no sign-in, no app."""

from __future__ import annotations

from django.urls import include, path

from delivery import urls

urlpatterns = [path("", include((urls.readers, urls.app_name)))]
