from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from contacts.views import imports, lists, people, person, suppressions

app_name = "contacts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("contacts", people.people_list, name="list"),
    path("contacts/new", people.new, name="new"),
    path("contacts/export", people.export, name="export"),
    path("contacts/bulk", people.bulk, name="bulk"),
    path("contacts/bulk/<int:bulk>", people.bulk_result, name="bulk_result"),
    path("contacts/bulk/<int:bulk>/undo", people.bulk_undo, name="bulk_undo"),
    path("contacts/sample/load", people.sample_load, name="sample_load"),
    path("contacts/sample/remove", people.sample_remove, name="sample_remove"),
    path("contacts/lists", lists.lists, name="lists"),
    path("contacts/lists/<int:pk>", lists.one_list, name="one_list"),
    path("contacts/lists/<int:pk>/delete", lists.list_delete, name="list_delete"),
    path("contacts/fields", lists.fields, name="fields"),
    path("contacts/fields/<int:field>", lists.field, name="field"),
    path("contacts/fields/<int:field>/delete", lists.field_delete, name="field_delete"),
    path("contacts/suppressions", suppressions.suppressions, name="suppressions"),
    path("contacts/suppressions/<int:suppression>/release", suppressions.release, name="suppression_release"),
    path("contacts/import", imports.upload, name="import"),
    path("contacts/import/example.csv", imports.sample_file, name="import_example"),
    path("contacts/imports", imports.history, name="imports"),
    path("contacts/imports/<int:pk>", imports.result, name="import_result"),
    path("contacts/imports/<int:pk>/columns", imports.map_columns, name="import_map"),
    path("contacts/imports/<int:pk>/reading", imports.reread, name="import_reread"),
    path("contacts/imports/<int:pk>/consent", imports.options, name="import_options"),
    path("contacts/imports/<int:pk>/confirm", imports.confirm, name="import_confirm"),
    path("contacts/imports/<int:pk>/undo", imports.undo, name="import_undo"),
    path("contacts/imports/<int:pk>/rows.csv", imports.problems, name="import_problems"),
    path("contacts/<int:contact>", person.contact, name="contact"),
    path("contacts/<int:contact>/edit", person.edit, name="edit"),
    path("contacts/<int:contact>/join", person.join, name="join"),
    path("contacts/<int:contact>/leave", person.leave, name="leave"),
    path("contacts/<int:contact>/stop", person.stop, name="stop"),
    path("contacts/<int:contact>/erase", person.erase, name="erase"),
]
