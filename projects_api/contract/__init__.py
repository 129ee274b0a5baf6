"""The contract engine: an OpenAPI file and a package of handlers made an application."""
