"""The destination: claim due pushes, read afresh, store the call, send it, record what came of it.

A call whose outcome is not known is sent again verbatim, with its own key, before anything else happens to its
members; so a record is created once, however often a worker dies (architecture decision 7).
"""

from services.syncer.worker.sending import Sender

__all__ = ["Sender"]
