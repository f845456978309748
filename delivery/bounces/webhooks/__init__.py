"""What sending services report by HTTP: signed, of today, each event once. django-anymail's views did not fit: its SES
view does not verify Amazon's signature, its SendGrid view is no longer supported, none looks at the age, and all take
their secrets from the settings, not from a row."""
