"""Where log records go: standard output, files, Elasticsearch, CloudWatch Logs, Splunk; none ever blocks a request."""
