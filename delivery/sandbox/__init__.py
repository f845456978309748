"""The sandbox: an SMTP receiver of our own on loopback whose answers follow from the address."""
