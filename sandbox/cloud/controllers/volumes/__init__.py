"""What ACK's managed storage provisioner does: a PersistentVolume for each claim, of folders that nodes share."""
