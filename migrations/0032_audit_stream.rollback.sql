drop function chain_audit_entries(integer);
