"""Accounts of programs, and what becomes of an account's things when it goes."""
