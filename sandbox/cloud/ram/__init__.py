"""Resource access management: roles, policies with versions, attachments."""
