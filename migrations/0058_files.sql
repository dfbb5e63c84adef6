-- The files that students hand in: the original, encrypted under the student's key, and its text until the file is handed in.
-- `audience_id` is the author until then, and afterwards that of the version: a policy compares one column.
create table files (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    submission_id uuid,
    format text not null,
    name bytea storage external not null,
    content bytea storage external not null,
    text bytea storage external,
    hidden bytea storage external,
    hidden_characters integer not null default 0,
    size_bytes integer not null,
    characters integer not null,
    words integer not null,
    pictures integer not null default 0,
    created_at timestamptz not null default now(),
    constraint files_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint files_submission foreign key (org_id, submission_id) references submissions (org_id, id) on delete cascade,
    constraint files_format_known check (format in ('docx', 'pdf', 'odt', 'rtf', 'html', 'txt')),
    constraint files_text_until_handed_in check ((text is null) = (submission_id is not null)),
    constraint files_own_until_handed_in check (submission_id is not null or audience_id = user_id),
    constraint files_counts_not_negative check (least(hidden_characters, size_bytes, characters, words, pictures) >= 0)
);
create index idx_files_user on files (org_id, user_id, id);
create unique index idx_files_submission on files (org_id, submission_id) where submission_id is not null;
create index idx_files_audience on files (org_id, audience_id);
create index idx_files_waiting on files (created_at) where submission_id is null;

alter table files enable row level security;
alter table files force row level security;
create policy ec_student_own_rows on files to ec_student
    using (org_id = (select app_org()) and user_id = (select app_user()))
    with check (org_id = (select app_org()) and user_id = (select app_user()));
create policy ec_educator_own_rows on files to ec_educator
    using (org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[]))
    with check (org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[]));
create policy ec_admin_own_org on files to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_lms_own_org on files to ec_lms
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
-- The clock deletes what nobody has handed in, and sees nothing else.
create policy ec_clock_waiting on files to ec_clock using (submission_id is null);

grant select, insert on files to ec_educator, ec_admin, ec_lms;
-- What is hidden in a file is a hint for educators.
grant insert, select (
    id, org_id, user_id, audience_id, submission_id, format, name, content, text, size_bytes, characters, words, pictures, created_at
) on files to ec_student;
grant update (audience_id, submission_id, text) on files to ec_student, ec_educator, ec_admin, ec_lms;
grant select (id, org_id, user_id, submission_id, created_at), delete on files to ec_clock;
grant select, delete on files to ec_stats;
