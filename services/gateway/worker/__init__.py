"""What gateway does by itself: deliver events, start what is scheduled, and tell people what needs them."""

from services.gateway.worker.deliveries import Deliveries
from services.gateway.worker.notifying import Notifier
from services.gateway.worker.scheduling import Scheduler
from services.gateway.worker.watching import Watcher

__all__ = ["Deliveries", "Notifier", "Scheduler", "Watcher"]
