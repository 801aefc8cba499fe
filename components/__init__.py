"""One ComponentResource a file: the parts that a platform is made of."""
