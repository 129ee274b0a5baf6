"""The pages as a site: `make site`."""
