"""The send process: leases, connections and unfinished dots live in an event loop that outlives the Celery task."""
