"""The pages of accounts, one module for each place people go."""
