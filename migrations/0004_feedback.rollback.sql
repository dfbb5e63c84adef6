drop table tallies;
drop table system_logs;
drop table analytics;
drop table ai_responses;
drop table criterion_results;
drop table feedback;
