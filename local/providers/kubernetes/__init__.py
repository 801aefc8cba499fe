"""The Kubernetes provider of the local stack: any kind, by server-side apply."""
