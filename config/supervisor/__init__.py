"""`manage.py up`: every process of an embedded install in one terminal."""
