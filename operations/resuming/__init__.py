"""Going on after a killed `up`: what AWS had made and the engine had not yet written down is found and adopted."""
