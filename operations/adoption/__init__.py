"""What exists already becomes the stack's: `groundwork adopt` (docs/adoption.md)."""
