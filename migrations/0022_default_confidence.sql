-- transactional: false
-- A confidence may be a default: nobody has judged a sample of such comments. Every row that was valid stays valid, so one
-- statement swaps the rule without a scan (a short lock), and the scan after it lets work go on. The file is repeatable.
alter table feedback
    -- squawk-ignore ban-drop-constraint
    drop constraint if exists feedback_confidence_basis_known,
    add constraint feedback_confidence_basis_known
        check (confidence_basis in ('measured', 'model', 'agreement', 'default')) not valid;
-- squawk-ignore constraint-missing-not-valid
alter table feedback validate constraint feedback_confidence_basis_known;
