"""Teams: groups of people, and the projects in which each of a group has a role."""
