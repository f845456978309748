"""The SMTP and LMTP receiver for what comes back to our return paths: `manage.py listener`."""
