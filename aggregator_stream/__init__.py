"""The global model server: event-time windows over ``local_updates``, one ``global_models`` event each."""
