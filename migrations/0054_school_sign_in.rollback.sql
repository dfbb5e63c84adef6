-- Lost: the providers that orgs have named, and which account belongs to whom. People sign in with their password again.
drop table linked_accounts, sign_in_providers;
