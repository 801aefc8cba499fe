"""The subcommands of `ml`: their options, help and examples, one file a subject. What they do is in ml/commands/.

A module here imports typer and nothing heavy: all of them are imported for `ml --help`.
"""
