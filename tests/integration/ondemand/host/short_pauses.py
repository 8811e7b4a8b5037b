"""``python -m``: the local host in a process that gives bodies a tenth of a second, also to pause and to be dropped."""

from ondemand import bounded_http
from ondemand.host.__main__ import app

bounded_http.BODY_GRACE_S = bounded_http.BODY_PAUSE_S = bounded_http.DROP_TIMEOUT_S = 0.1
app()
