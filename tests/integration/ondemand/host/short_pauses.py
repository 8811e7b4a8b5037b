"""``python -m``: the local host in a process that cuts a client after a silence of a tenth of a second in its body."""

from ondemand import bounded_http
from ondemand.host.__main__ import app

bounded_http.BODY_PAUSE_S = 0.1
app()
