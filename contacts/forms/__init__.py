"""What people type on the pages of contacts."""

from .fields import TagField
from .imports import ENCODING_NAMES, SEPARATORS, OptionsForm, ReadingForm, UploadForm
from .lists import FieldForm, ListForm
from .people import STATES, NewPersonForm, NoteForm, PersonForm, StopForm, SuppressionForm

__all__ = [
    "ENCODING_NAMES",
    "SEPARATORS",
    "STATES",
    "FieldForm",
    "ListForm",
    "NewPersonForm",
    "NoteForm",
    "OptionsForm",
    "PersonForm",
    "ReadingForm",
    "StopForm",
    "SuppressionForm",
    "TagField",
    "UploadForm",
]
