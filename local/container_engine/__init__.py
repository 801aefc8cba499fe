"""What stands in for a container engine in the builds of the local stack: the `docker` command, as far as they use it.

It reads a Dockerfile, checks it, and makes an image of what COPY puts there: real files, real layers, a real digest. It
executes no RUN and pulls no base image, so the image cannot be started; the local stack runs the environment that is
declared for it (local/environments.yaml). docs/images.md and docs/fidelity.md say the same to users.
"""
