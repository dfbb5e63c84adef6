-- The events that were there keep the rule of the file before: looked at under a lock that lets work go on.
alter table analytics validate constraint analytics_event_listed;
