from tests.delivery.queue.conftest import send_thread

__all__ = ["send_thread"]
