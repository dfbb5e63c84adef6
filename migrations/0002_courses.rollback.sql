drop table feedback_types;
drop table assignments;
drop table enrollments;
drop table courses;
drop table rubric_criteria;
drop table rubrics;
drop table categories;
