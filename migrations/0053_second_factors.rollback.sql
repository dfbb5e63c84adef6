-- Lost: second factors and recovery codes, and the orgs' rules of sign-in. Everybody signs in with a password alone again.
drop table second_factors;
alter table sessions drop column proved_at;
alter table orgs drop column step_up, drop column second_factor_required, drop column password_roles;
