"""The Alibaba Cloud emulator: one HTTPS server for every service, and the DNS server that answers its zones."""
