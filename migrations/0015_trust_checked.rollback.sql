alter table essays drop constraint essays_trial_is_whole, drop constraint essays_trial_rubric;
alter table essays add constraint essays_trial_is_whole check (
    (trial_until is null) = (trial_rubric_id is null) and (trial_until is not null or trial_prompt is null)
    and (trial_until is null or assignment_id is null) and length(trial_prompt) <= 20000
) not valid;
alter table essays add constraint essays_trial_rubric foreign key (org_id, trial_rubric_id)
    references rubrics (org_id, id) on delete restrict not valid;
alter table feedback drop constraint feedback_educator_or_provider;
alter table feedback add constraint feedback_educator_or_provider check (
    (origin = 'educator') = (educator_id is not null) and (origin = 'educator') = (provider is null)
    and (provider is null) = (model is null)
) not valid;
alter table passes drop constraint passes_batch_with_its_call;
alter table passes add constraint passes_batch_with_its_call check ((batch is null) = (batch_call is null)) not valid;
