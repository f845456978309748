from tests.delivery.queue.conftest import send_thread
from tests.servers.fixtures import dns_server, receivers, smtp_server

__all__ = ["dns_server", "receivers", "send_thread", "smtp_server"]
