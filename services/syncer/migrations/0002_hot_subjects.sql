-- A status is written in place (HOT) when no index hangs on it and the page has room.
DROP INDEX subjects_waiting;
ALTER TABLE subjects SET (fillfactor = 70);
