"""Object storage: buckets and objects with the wire protocol of Alibaba Cloud OSS."""
