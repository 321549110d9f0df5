"""What the fleet is: what a node's messages make of its record, who is alive, and the columns."""
