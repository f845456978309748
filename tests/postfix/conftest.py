from tests.delivery.queue.conftest import send_thread
from tests.servers.fixtures import dns_server

__all__ = ["dns_server", "send_thread"]
