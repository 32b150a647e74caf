SELECT path, read_to FROM spool_files;
