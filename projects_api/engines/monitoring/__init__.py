"""Monitoring: what a model is asked and answers in use, beside its training and its test."""
