"""How a box joins a hub and renews its certificate: short commands, never part of a running agent.

client.py    HTTPS to the hub, by a pin or by the authority that the box knows
keys.py      keys, requests and certificates; the only place with the library for them
files.py     files of the state folder and of /etc/skerry, each whole
machine.py   what tells this machine from another one
course.py    the course of a join; renewing.py: of a renewal
services.py  the agent's unit, where systemd runs it
"""
