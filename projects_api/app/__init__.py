"""The application: put together, observed, documented, maintained and run."""
