"""How boxes join, renew their certificates, and are shut out."""
