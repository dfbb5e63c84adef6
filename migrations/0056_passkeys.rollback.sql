-- Lost: passkeys. Their owners sign in with the codes of their second factor.
drop table passkeys;
