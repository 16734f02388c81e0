"""The aggregator's HTTP API: an ASGI app over what the aggregator knows. Kafka and Faust stay behind callables."""
