"""The hub's certificate authority: one a hub, that signs for its boxes, its broker and itself."""
