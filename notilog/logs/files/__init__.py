"""Records as lines of files on disk: written by many processes, switched, archived, handed out."""
