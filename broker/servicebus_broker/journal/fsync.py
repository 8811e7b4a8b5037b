"""When the journal asks the operating system to put written data on the disk."""

from enum import Enum

INTERVAL = 0.05


class Fsync(Enum):
    """What a client was told survives the end of the broker's *process* in every mode. What else can be lost:

    ========  ==========================================================================================
    always    nothing: no client is answered before its changes are on the disk
    interval  the last 50 ms, and the time that the disk takes, when the *machine* stops; the default
    never     whatever the operating system had not written by itself, usually the last 30 s, in any order
    ========  ==========================================================================================
    """

    ALWAYS = "always"
    INTERVAL = "interval"
    NEVER = "never"
