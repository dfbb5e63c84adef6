-- What is lost: which confidences were a default. They say `measured` again, as they did before.
alter table feedback no force row level security;
update feedback set confidence_basis = 'measured' where confidence_basis = 'default';
alter table feedback force row level security;
alter table feedback drop constraint feedback_confidence_basis_known;
alter table feedback add constraint feedback_confidence_basis_known
    check (confidence_basis in ('measured', 'model', 'agreement'));
