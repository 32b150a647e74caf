DELETE FROM spool_files WHERE path = $path;
