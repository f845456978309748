"""Reports that lie in a mailbox elsewhere: fetched by IMAP or POP3, within bounds whatever the server says."""
