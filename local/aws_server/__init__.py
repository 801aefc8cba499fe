"""The AWS API on one machine: moto, and in front of it what moto only records and a platform must really do.

`operations` is what an overlay is written against, `app` is the WSGI application, `python -m local.aws_server` the
process.
"""
