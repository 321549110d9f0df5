"""A fleet's placement made better by moves: what may move, what that is worth, in which steps."""
