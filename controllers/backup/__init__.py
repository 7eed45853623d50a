"""Backup and restore: copies of a business's objects, each proven by a restore.

In the backup bucket, below the region's name (the bucket is copied to the other region's, and that one into it):

    content/AB/SHA256              what objects hold, once each, named by its checksum
    backups/ID/manifest.json       what a backup holds, written last: without it there is no backup
    backups/ID/proof.json          that it was restored and compared, and when
    journal.json                   what a backup that is under way has copied; a killed one goes on from it
    status.json                    the last backup and the last proven one, for people and alarms
    hooks.json                     what was done before a backup is not yet undone by what is done after it
    leases/backup                  who is at work: one at a time
    scratch/ID/                    where a proof restores to; empty otherwise
"""
