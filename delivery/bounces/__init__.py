"""What comes back: bounces, complaints and automatic answers, from whatever inlet, with one verdict path."""
