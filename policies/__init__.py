"""The policy pack: what an environment may be made of, checked by the engine on every preview and every `up`."""
