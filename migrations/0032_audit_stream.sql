-- The clock also writes each new audit entry into the stream of security events, so chaining says which entries it chained.

-- Chain up to `most` new entries as `chain_audit` does, and return them by org and place.
create function chain_audit_entries(most integer) returns setof audit_log
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if chain_audit(most) > 0 then
        -- This transaction gave these rows their place: the heads that it moved lead to the entries that it chained.
        return query
            select a.* from audit_heads as h join audit_log as a on a.org_id = h.org_id and a.sequence > h.sequence - most
            where h.xmin = pg_current_xact_id()::xid and a.xmin = pg_current_xact_id()::xid
            order by a.org_id, a.sequence;
    end if;
end
$$;
alter function chain_audit_entries(integer) owner to ec_stats;
revoke all on function chain_audit_entries(integer) from public;
grant execute on function chain_audit_entries(integer) to ec_clock;
