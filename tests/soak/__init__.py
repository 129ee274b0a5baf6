"""The server as a whole for many minutes, under mixed work and one fault after another."""
