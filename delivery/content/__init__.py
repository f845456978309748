"""From a template's source to the bytes of one message: pure functions, no Django, no I/O, no clock."""
