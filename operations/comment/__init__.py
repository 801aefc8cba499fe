"""One comment on a pull request, posted or brought up to date."""
