INSERT OR REPLACE INTO spool_files VALUES ($path, $read_to);
