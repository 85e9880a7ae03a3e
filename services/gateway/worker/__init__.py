"""What gateway does by itself: deliver events to other programs, and start what is scheduled."""

from services.gateway.worker.deliveries import Deliveries
from services.gateway.worker.scheduling import Scheduler

__all__ = ["Deliveries", "Scheduler"]
