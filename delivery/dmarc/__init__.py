"""DMARC aggregate reports: what receivers say of mail in a domain's name."""
