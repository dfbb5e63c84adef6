-- Who teaches whom, what was asked, and by which rubric. Shared things: RESTRICT where somebody's work points at them.

create table categories (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    slug text not null,
    name text not null,
    created_at timestamptz not null default now(),
    constraint categories_org_id_id_unique unique (org_id, id),
    constraint categories_org_slug_unique unique (org_id, slug),
    constraint categories_slug_is_a_short_name check (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint categories_name_not_blank check (name ~ '\S' and length(name) <= 200)
);

-- A rubric is never edited: another wording is another row, found by its content hash.
create table rubrics (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    name text not null,
    content_hash bytea not null,
    created_at timestamptz not null default now(),
    constraint rubrics_org_id_id_unique unique (org_id, id),
    constraint rubrics_content_unique unique (org_id, content_hash),
    constraint rubrics_name_not_blank check (name ~ '\S' and length(name) <= 200)
);

create table rubric_criteria (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    rubric_id uuid not null,
    position integer not null,
    name text not null,
    description text not null default '',
    levels jsonb not null,
    constraint rubric_criteria_rubric foreign key (org_id, rubric_id) references rubrics (org_id, id) on delete cascade,
    constraint rubric_criteria_org_id_id_unique unique (org_id, id),
    constraint rubric_criteria_position_unique unique (org_id, rubric_id, position),
    constraint rubric_criteria_name_unique unique (org_id, rubric_id, name),
    constraint rubric_criteria_name_not_blank check (name ~ '\S' and length(name) <= 200),
    constraint rubric_criteria_levels_are_a_list check (jsonb_typeof(levels) = 'array' and jsonb_array_length(levels) >= 2)
);

create table courses (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    name text not null,
    external_id text,
    archived_at timestamptz,
    created_at timestamptz not null default now(),
    constraint courses_org_id_id_unique unique (org_id, id),
    constraint courses_external_id_unique unique (org_id, external_id),
    constraint courses_name_not_blank check (name ~ '\S' and length(name) <= 200)
);

create table enrollments (
    org_id uuid not null,
    course_id uuid not null,
    user_id uuid not null,
    role text not null,
    created_at timestamptz not null default now(),
    primary key (org_id, course_id, user_id),
    constraint enrollments_course foreign key (org_id, course_id) references courses (org_id, id) on delete cascade,
    constraint enrollments_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint enrollments_role_known check (role in ('student', 'educator'))
);
create index idx_enrollments_user on enrollments (org_id, user_id);

create table assignments (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    course_id uuid not null,
    title text not null,
    prompt text not null default '',
    due_at timestamptz,
    release_policy text,
    category_id uuid,
    rubric_id uuid,
    external_id text,
    created_at timestamptz not null default now(),
    constraint assignments_org_id_id_unique unique (org_id, id),
    constraint assignments_course foreign key (org_id, course_id) references courses (org_id, id) on delete cascade,
    constraint assignments_category foreign key (org_id, category_id) references categories (org_id, id) on delete restrict,
    constraint assignments_rubric foreign key (org_id, rubric_id) references rubrics (org_id, id) on delete restrict,
    constraint assignments_external_id_unique unique (org_id, external_id),
    constraint assignments_title_not_blank check (title ~ '\S' and length(title) <= 500),
    constraint assignments_prompt_length check (length(prompt) <= 20000),
    constraint assignments_release_policy_known check (release_policy in ('auto', 'after_review'))
);
create index idx_assignments_course on assignments (org_id, course_id);
create index idx_assignments_category on assignments (org_id, category_id);
create index idx_assignments_rubric on assignments (org_id, rubric_id);

-- What a comment can be about. The same list is offered to the model and used by the local engine.
create table feedback_types (
    slug text primary key,
    pass text not null,
    name text not null,
    constraint feedback_types_slug_pass_unique unique (slug, pass)
);

insert into feedback_types (slug, pass, name) values
    ('agreement', 'grammar', 'Agreement'),
    ('verb_form', 'grammar', 'Verb form'),
    ('article', 'grammar', 'Article'),
    ('word_choice', 'grammar', 'Word choice'),
    ('spelling', 'grammar', 'Spelling'),
    ('capitalisation', 'grammar', 'Capital letters'),
    ('punctuation', 'grammar', 'Punctuation'),
    ('spacing', 'grammar', 'Spacing'),
    ('contraction', 'grammar', 'Contraction'),
    ('repetition', 'grammar', 'Repeated word'),
    ('grammar', 'grammar', 'Grammar'),
    ('thesis', 'structure', 'Thesis'),
    ('paragraphs', 'structure', 'Paragraphs'),
    ('sentence_length', 'structure', 'Sentence length'),
    ('introduction', 'structure', 'Introduction'),
    ('conclusion', 'structure', 'Conclusion'),
    ('organisation', 'structure', 'Organisation'),
    ('transition', 'structure', 'Transition'),
    ('structure', 'structure', 'Structure'),
    ('relevance', 'content', 'Relevance'),
    ('coverage', 'content', 'Coverage of the task'),
    ('evidence', 'content', 'Evidence'),
    ('redundancy', 'content', 'Said twice'),
    ('citation', 'content', 'Citation'),
    ('reasoning', 'content', 'Reasoning'),
    ('clarity', 'content', 'Clarity'),
    ('content', 'content', 'Content');
