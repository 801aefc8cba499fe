"""What each subcommand of `ml` does; `ml.cli` has their options and help, and imports one of these when it is called."""
