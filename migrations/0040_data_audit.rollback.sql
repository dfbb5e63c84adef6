drop function delete_orphans(text, timestamptz, timestamptz, integer);
drop function sample_versions(timestamptz, timestamptz, integer);
drop function history_begins();
drop function find_faults(text, timestamptz, timestamptz);
drop function fault_query(text);
