alter table analytics drop constraint analytics_event_listed;
alter table analytics add constraint analytics_event_listed check (event in (
    'submitted', 'revised', 'feedback_viewed', 'comment_opened', 'comment_judged', 'released', 'reviewed', 'exported', 'launched'
)) not valid;
