drop function record_duty(text, timestamptz, text, bigint, jsonb);
drop table duty_runs;
