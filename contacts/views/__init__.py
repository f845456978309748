"""The pages of contacts, one module for each place people go."""
