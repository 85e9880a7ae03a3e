"""The one way to hear and to say anything: batches in with the inbox, events out through the outbox."""
